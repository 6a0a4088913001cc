#include "benchmarks/native/bench_throughput.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "benchmarks/native/bench_folder.h"
#include "benchmarks/native/bench_side.h"
#include "engine/open_workers.h"
#include "verify/pipeline_run.h"

namespace relievo {
namespace {

using nlohmann::json;

/// On the CPU the networks are small, and steps are added until they take as long as the processor's stages:
/// one thread stands in for a card.
ModelSize size_of(const json& arguments) {
  const bool is_full = arguments.at("device") != "cpu" && !arguments.at("quick");
  return is_full ? ModelSize::kFull : ModelSize::kTiny;
}

std::vector<Worker> workers_of(const json& arguments) {
  const int threads = arguments.at("threads");
  EngineOptions engine;
  engine.devices = arguments.at("device");
  std::vector<Worker> workers;
  if (engine.devices == "cpu") {
    for (int i = 0; i < arguments.at("workers"); ++i) {
      Worker& worker = workers.emplace_back();
      worker.name = fmt::format("cpu#{}", i);
      worker.budget_bytes = int64_t{64} << 30;  // plans expect networks of the full size
    }
  } else {
    workers = open_workers(engine).workers;
  }
  for (Worker& worker : workers) worker.side_threads = threads;
  return workers;
}

Settings settings_of(const json& arguments) {
  Settings settings = random_model_settings(size_of(arguments));
  settings.steps = arguments.at("steps");
  if (size_of(arguments) == ModelSize::kTiny) {
    settings.grid = 40;
    settings.texture_size = 256;
  }
  settings.precision = arguments.at("device") == "cpu" ? "fp32" : "auto";
  return settings;
}

json arguments_of(const BenchOptions& options, int workers, int side_threads) {
  return {{"device", options.device}, {"quick", options.quick},
          {"workers", workers},       {"threads", side_threads},
          {"strategy", "single"},     {"batch", 0},
          {"pictures", 12},           {"steps", options.device == "cpu" ? 4 : 30}};
}

double minute(const json& side) { return side.at("pictures_a_minute"); }

}  // namespace

json bench_throughput_own_side(const json& arguments) {
  open_device(arguments.at("device"));
  const BenchFolder folder;
  write_random_models(folder.path, size_of(arguments));
  const WithRandomModels models(folder.path);
  const int pictures = arguments.at("pictures"), batch = arguments.at("batch");
  const auto adapt = [batch](Plan& plan) {
    for (DeviceGroup& group : plan.groups) group.batch = batch > 0 ? batch : group.batch;
  };
  const std::vector<Worker> workers = workers_of(arguments);
  const Strategy strategy = strategy_of(arguments.at("strategy"));
  const auto run = [&](int count) {
    return run_pipeline(workers, settings_of(arguments), count, strategy, {}, adapt);
  };
  run(1);  // libraries warm up, and files are read
  const PipelineRun made = run(pictures);
  double processor_s = 0, device_s = 0, diffusion_s = 0;
  for (const StageRun& stage : made.stages) {
    const double seconds = (stage.seconds - stage.load_seconds) / stage.batch;
    const bool is_of_processor =
        stage.stage == "foreground" || stage.stage == "simplify" || stage.stage == "texture";
    (is_of_processor ? processor_s : device_s) += seconds;
    if (stage.stage == "diffusion") diffusion_s = seconds;
  }
  return {{"seconds", made.seconds},    {"pictures_a_minute", 60 * pictures / made.seconds},
          {"processor_s", processor_s}, {"device_s", device_s},
          {"diffusion_s", diffusion_s}, {"counted_bytes", made.counted_bytes},
          {"notes", made.notes},        {"plan", made.plan.reasons}};
}

json bench_throughput(const BenchOptions& options) {
  const auto run = [](const json& arguments) { return run_own_side("throughput", arguments); };
  json alone = arguments_of(options, 1, 0);
  json one_after_the_other = run(alone);
  if (options.device == "cpu") {
    const double step = one_after_the_other.at("diffusion_s").get<double>() / alone.at("steps").get<double>();
    const double missing = one_after_the_other.at("processor_s").get<double>() -
                           one_after_the_other.at("device_s").get<double>();
    alone["steps"] = std::max(1L, alone.at("steps").get<long>() + std::lround(missing / step));
    one_after_the_other = run(alone);
  }
  json beside = alone, pipeline = alone;
  beside["threads"] = options.device == "cpu" ? 1 : options.threads > 0 ? options.threads : 4;
  pipeline["workers"] = 2;
  pipeline["strategy"] = "stage";
  const json overlapped = run(beside);
  json report{{"name", "throughput"},
              {"device", options.device},
              {"full_size", size_of(alone) == ModelSize::kFull},
              {"pictures", alone.at("pictures")},
              {"steps", alone.at("steps")},
              {"processor_s", one_after_the_other.at("processor_s")},
              {"device_s", one_after_the_other.at("device_s")},
              {"one_after_the_other", minute(one_after_the_other)},
              {"beside", minute(overlapped)},
              {"ours_s", overlapped.at("seconds")},
              {"other_s", one_after_the_other.at("seconds")},
              {"ratio", minute(overlapped) / minute(one_after_the_other)},
              {"plan", overlapped.at("plan")}};
  if (options.device == "cpu") {
    const json in_a_pipeline = run(pipeline);
    report["pipeline"] = minute(in_a_pipeline);
    report["pipeline_ratio"] = minute(in_a_pipeline) / minute(one_after_the_other);
  }
  for (const int batch : {1, 4, 8, 16}) {
    json together = alone;
    together["batch"] = batch;
    together["pictures"] = 16;
    const json side = run(together);
    report["batches"][fmt::format("{}", batch)] = {{"pictures_a_minute", minute(side)},
                                                   {"counted_bytes", side.at("counted_bytes")},
                                                   {"notes", side.at("notes")}};
  }
  return report;
}

}  // namespace relievo
