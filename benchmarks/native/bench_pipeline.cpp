#include "benchmarks/native/bench_pipeline.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include <fmt/format.h>
#include <unistd.h>

#include "base/parallel.h"
#include "benchmarks/native/bench_networks.h"
#include "benchmarks/native/bench_side.h"
#include "benchmarks/native/bench_throughput.h"
#include "engine/open_workers.h"
#include "verify/pipeline_run.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// The networks that the other side runs too: it has neither the picture's encoders nor meshing.
constexpr const char* kCompared[] = {"diffusion", "decode", "reconstruct"};

std::string precision_of(const std::string& device, const BenchOptions& options) {
  // Where nothing is said: what the device is fast in.
  return options.precisions.size() == 1 ? options.precisions.front() : device == "cpu" ? "fp32" : "auto";
}

/// What benchmarks/pipeline.py builds: the parts' own sizes.
json other_arguments(const BenchOptions& options, int steps) {
  const std::string precision = options.precisions.front();
  return {{"step", step_size(options.quick)},
          {"vae", vae_size(options.quick)},
          {"planes", planes_size(options.quick)},
          {"steps", steps},
          {"threads", options.threads},
          {"warm_up", options.warm_up},
          {"repeats", options.repeats},
          {"device", options.device},
          {"dtype", precision == "bf16"   ? "bfloat16"
                    : precision == "fp16" ? "float16"
                                          : "float32"},
          {"compiled", options.with_compiled}};
}

}  // namespace

json bench_pipeline_own_side(const json& arguments) {
  const at::Device device = open_device(arguments.at("device"));
  EngineOptions engine;
  engine.devices = device.is_cuda() ? device.str() : "cpu";
  engine.threads = arguments.at("threads");
  std::vector<Worker> workers = open_workers(engine).workers;
  const ModelSize size = arguments.at("quick") ? ModelSize::kTiny : ModelSize::kFull;
  const fs::path folder = fs::temp_directory_path() / fmt::format("relievo-pipeline-{}", ::getpid());
  struct Removed {
    ~Removed() {
      std::error_code error;
      fs::remove_all(folder, error);
    }
    const fs::path& folder;
  } const removed{folder};
  write_random_models(folder, size);
  const WithRandomModels models(folder);
  Settings settings = random_model_settings(size);
  settings.precision = arguments.at("precision");
  settings.steps = arguments.at("steps");
  const PeakMemory memory(device);
  const int warm_up = arguments.at("warm_up"), repeats = arguments.at("repeats");
  json best{{"seconds", std::numeric_limits<double>::infinity()}};
  for (int i = 0; i < warm_up + repeats; ++i) {
    const PipelineRun run = run_pipeline(workers, settings, 1, Strategy::kAuto, {});
    if (i < warm_up || run.seconds >= best.at("seconds").get<double>()) continue;
    double networks = 0, diffusion = 0;
    json stages = json::object();
    for (const StageRun& stage : run.stages) {
      stages[stage.stage] = {{"seconds", stage.seconds}, {"precision", stage.mode.precision}};
      if (std::ranges::find(kCompared, stage.stage) != std::end(kCompared)) networks += stage.seconds;
      if (stage.stage == "diffusion") diffusion = stage.seconds;
    }
    best = {{"seconds", run.seconds},
            {"networks_s", networks},
            {"it_per_s", settings.steps / diffusion},
            {"stages", stages},
            {"planned_bytes", run.planned_bytes},
            {"counted_bytes", run.counted_bytes},
            {"notes", run.notes},
            {"vertices", run.meshes.front().surface.vertices.size()}};
  }
  best.update(memory.report());
  return best;
}

json bench_pipeline(const BenchOptions& options) {
  const int steps = options.quick ? 2 : 4;
  json report{{"name", "pipeline"},
              {"device", options.device},
              {"full_size", !options.quick},
              {"steps", steps},
              {"threads", options.threads > 0 ? options.threads : parallel_threads()}};
  const json ours = run_own_side("pipeline", {{"quick", options.quick},
                                              {"steps", steps},
                                              {"threads", options.threads},
                                              {"warm_up", options.warm_up},
                                              {"repeats", options.repeats},
                                              {"device", options.device},
                                              {"precision", precision_of(options.device, options)}});
  report.update(ours);
  report["ours_s"] = ours.at("networks_s");
  if (options.is_alone) return report;
  const json other = run_baseline("pipeline.py", other_arguments(options, steps));
  report["other_s"] = other.at("seconds");
  report["ratio"] = other.at("seconds").get<double>() / ours.at("networks_s").get<double>();
  report["other_peak_allocated_bytes"] = other.at("peak_allocated_bytes");
  return report;
}

Benches network_benches() {
  return {
      {"step",
       {"A guidance step of the multi-view diffusion, beside diffusers", bench_step, bench_step_own_side,
        true}},
      {"planes", {"Six views to triplanes, beside PyTorch", bench_planes, bench_planes_own_side, true}},
      {"vae", {"Latents to a picture, beside diffusers", bench_vae, bench_vae_own_side, true}},
      {"pipeline",
       {"A picture by the whole pipeline; its networks beside diffusers and PyTorch", bench_pipeline,
        bench_pipeline_own_side, true}},
      {"throughput",
       {"Pictures a minute: one after the other, with the processor's stages beside, and in batches",
        bench_throughput, bench_throughput_own_side, true}},
  };
}

}  // namespace relievo
