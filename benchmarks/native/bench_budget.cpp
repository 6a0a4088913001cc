// The full-size pipeline within a budget.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "benchmarks/native/bench_runtime.h"
#include "benchmarks/native/bench_single.h"

namespace relievo {

using nlohmann::json;

namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;
constexpr double kSlack = 1.15;  // of the process's resident size over the budgets

double highest_stage_gib(const json& stages) {
  double highest = 0;
  for (const json& stage : stages) highest = std::max(highest, stage.at("peak_bytes").get<double>() / kGiB);
  return highest;
}

json full_size_settings(bool quick) {
  return {{"model", "instant-mesh-large"}, {"steps", quick ? 1 : 2}, {"precision", "bf16"}};
}

json within(const std::string& bench, const std::string& devices, const std::string& strategy, double gib,
            bool quick) {
  json arguments = engine_side(devices, 2, full_size_settings(quick), 1);
  arguments["warm_up"] = 0;
  arguments["strategy"] = strategy;
  const json result = run_own_side(bench, arguments);
  const double peak = result.at("peak_bytes").get<double>() / kGiB;
  const std::string plan = result.at("plan");
  const bool offloads = plan.find("wait in host memory") != std::string::npos;
  // Weights that come layer by layer wait in host memory, which on a processor is the process's own: they
  // count in its resident size, but not in the device's budget.
  const bool streams = plan.find("layer by layer") != std::string::npos;
  const double highest = highest_stage_gib(result.at("stages"));
  return {{"devices", devices},
          {"strategy", strategy},
          {"seconds", result.at("seconds")},
          {"budget_gib", gib},
          {"resident_gib", peak},
          {"highest_stage_gib", highest},
          {"within", highest <= gib && (streams || peak <= gib * kSlack)},
          {"as_asked", offloads == (strategy == "offload" || streams)},
          {"watertight", result.at("watertight")},
          {"vertices", result.at("vertices")},
          {"notes", result.at("notes")},
          {"plan", result.at("plan")},
          {"stages", result.at("stages")}};
}

json all_within(json report, const std::vector<json>& runs) {
  bool is_within = true, is_as_asked = true;
  for (const json& run : runs) {
    is_within = is_within && run.at("within").get<bool>();
    is_as_asked = is_as_asked && run.at("as_asked").get<bool>();
  }
  report["runs"] = runs;
  report["exact"] = is_within && is_as_asked;
  report["dtype"] = "bfloat16";
  if (!is_within) {
    throw Error(ErrorCode::kInternal,
                "The process grew beyond its budgets by more than 15 %: " + report.dump());
  }
  if (!is_as_asked) {
    throw Error(ErrorCode::kInternal, "Weights were moved out, or were not: " + report.dump());
  }
  return report;
}

}  // namespace

json bench_budget(const BenchOptions& options) {
  const BenchModels models;
  const json roomy = within("budget", "cpu@6GiB", "single", 6, options.quick);
  const json offloaded = within("budget", "cpu@3GiB", "offload", 3, options.quick);
  const json streamed = within("budget", "cpu@1GiB", "auto", 1, options.quick);
  json report = report_of("budget", options);
  // What the least memory costs in time: the same picture, with all weights loaded and with streamed ones.
  report["ours_s"] = streamed.at("seconds");
  report["other_s"] = roomy.at("seconds");
  report["ratio"] = roomy.at("seconds").get<double>() / streamed.at("seconds").get<double>();
  report["ours_peak_gib"] = streamed.at("highest_stage_gib");
  report["other_peak_gib"] = roomy.at("highest_stage_gib");
  return all_within(std::move(report), {roomy, offloaded, streamed});
}

json bench_split(const BenchOptions& options) {
  const BenchModels models;
  return all_within(report_of("split", options),
                    {within("split", "cpu*2@1.5GiB", "split", 3, options.quick)});
}

}  // namespace relievo
