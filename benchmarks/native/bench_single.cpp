#include "benchmarks/native/bench_single.h"

#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "benchmarks/native/bench_runtime.h"
#include "verify/random_models.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// Shares of the processor with a thread each, as devices.
struct Shares {
  const char* devices;
  int count;
};
constexpr Shares kShares[] = {{"cpu", 1}, {"cpu*2", 2}, {"cpu*4", 4}};

double seconds_of_stage(const json& result, const std::string& name) {
  for (const json& stage : result.at("stages")) {
    if (stage.at("name") == name) return stage.at("seconds");
  }
  return 0;
}

json measured(const Shares& shares, const json& settings) {
  json arguments = engine_side(shares.devices, shares.count, settings, 1);
  json result = run_own_side("single", arguments);
  result["devices"] = shares.devices;
  return result;
}

}  // namespace

BenchModels::BenchModels() {
  if (std::getenv("RELIEVO_MODELS")) return;
  made_ = fs::temp_directory_path() / fmt::format("relievo-bench-models-{}", ::getpid());
  write_random_models(made_, ModelSize::kFull);
  setenv("RELIEVO_MODELS", made_.c_str(), 1);
}

BenchModels::~BenchModels() {
  if (made_.empty()) return;
  unsetenv("RELIEVO_MODELS");
  std::error_code error;
  fs::remove_all(made_, error);
}

json bench_single(const BenchOptions& options) {
  const BenchModels models;
  // What was measured before decides how a picture is shared; here it is what the formulas say.
  const fs::path cache = fs::temp_directory_path() / fmt::format("relievo-bench-cache-{}", ::getpid());
  setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  const json settings = {{"model", kRandomModel},
                         {"steps", options.quick ? 1 : 2},
                         {"precision", "bf16"},
                         {"input_size", options.quick ? 128 : 320}};
  json report{{"name", "single"},
              {"full_size", !options.quick},
              {"dtype", "bfloat16"},
              {"steps", settings.at("steps")}};
  const json alone = measured(kShares[0], settings);
  report["other_s"] = alone.at("seconds");
  report["alone"] = alone;
  const int most = options.threads > 0 ? options.threads : 2;
  for (const Shares& shares : {kShares[1], kShares[2]}) {
    if (shares.count > most) continue;
    json shared = measured(shares, settings);
    const double ratio = alone.at("seconds").get<double>() / shared.at("seconds").get<double>();
    shared["ratio"] = ratio;
    for (const json& stage : shared.at("stages")) {
      const std::string name = stage.at("name");
      shared["stage_ratios"][name] = seconds_of_stage(alone, name) / stage.at("seconds").get<double>();
    }
    if (shares.count == 2) {
      report["ours_s"] = shared.at("seconds");
      report["ratio"] = ratio;
      report["ours_peak_bytes"] = shared.at("peak_bytes");
      report["threads"] = shares.count;
    }
    report["shared"].push_back(std::move(shared));
  }
  report["other_peak_bytes"] = alone.at("peak_bytes");
  std::error_code error;
  fs::remove_all(cache, error);
  return report;
}

}  // namespace relievo
