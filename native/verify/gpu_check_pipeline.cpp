#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/clock.h"
#include "base/error.h"
#include "engine/pipeline_stage.h"
#include "runtime/execute/device_thread.h"
#include "runtime/torch/device_memory.h"
#include "runtime/torch/worker_hooks.h"
#include "verify/check_list.h"
#include "verify/guidance_step.h"
#include "verify/pipeline_run.h"
#include "verify/without_tf32.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// Random models in a folder of their own, which the process uses until they go.
class ModelsHere {
 public:
  ModelsHere(const fs::path& folder, ModelSize size) : folder_(folder), models_(written(folder, size)) {}
  ~ModelsHere() {
    std::error_code error;
    fs::remove_all(folder_, error);
  }
  ModelsHere(const ModelsHere&) = delete;
  ModelsHere& operator=(const ModelsHere&) = delete;

 private:
  static const fs::path& written(const fs::path& folder, ModelSize size) {
    try {
      write_random_models(folder, size);
    } catch (...) {
      std::error_code error;
      fs::remove_all(folder, error);
      throw;
    }
    return folder;
  }

  fs::path folder_;
  WithRandomModels models_;
};

/// The furthest that a vertex of one lies from the nearest of the other.
double one_way(const std::vector<Float3>& from, const std::vector<Float3>& to) {
  double furthest = from.empty() || to.empty() ? kNothingToCompare : 0;
  for (const Float3& a : from) {
    double nearest = kNothingToCompare;
    for (const Float3& b : to) {
      nearest = std::min<double>(nearest, std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
    }
    furthest = std::max(furthest, nearest);
  }
  return furthest;
}

/// The furthest that the surfaces' vertices lie apart.
double apart(const TexturedMesh& one, const TexturedMesh& other) {
  return std::max(one_way(one.surface.vertices, other.surface.vertices),
                  one_way(other.surface.vertices, one.surface.vertices));
}

Worker whole_cpu() {
  Worker cpu;
  cpu.name = "cpu";
  cpu.budget_bytes = int64_t{1} << 40;
  return cpu;
}

/// Two parts of the worker's device, as `cuda:0*2` asks for.
std::vector<Worker> halves_of(const Worker& worker) {
  std::vector<Worker> halves(2, worker);
  for (size_t i = 0; i < 2; ++i) {
    halves[i].name = fmt::format("{}#{}", device_name(worker), i);
    halves[i].budget_bytes /= 2;
    halves[i].threads = std::max(1, worker.threads / 2);
  }
  return halves;
}

Worker with_budget(const Worker& worker, int64_t bytes) {
  Worker limited = worker;
  limited.budget_bytes = bytes;
  return limited;
}

/// Gives the allocator's unused memory back and forgets its highest use.
void begin_anew(const Worker& worker) {
  if (worker.kind != DeviceKind::kCuda) return;
  at::globalContext().lazyInitDevice(c10::kCUDA);  // the allocator has no counters before
  make_worker_hooks().release_cache(worker);
  reset_device_peaks(worker.device);
}

constexpr double kGiB = 0x1p30;

/// What the stages' modes were, and the fallbacks that were taken.
std::string story_of(const PipelineRun& run) {
  std::vector<std::string> parts;
  for (const StageRun& stage : run.stages) {
    if (stage.mode.chunked || stage.mode.tiled || stage.mode.input_scale != 1)
      parts.push_back(fmt::format("{} {}", stage.stage, mode_name(stage.mode)));
  }
  const auto& placements = run.plan.groups.front().stages;
  if (std::ranges::any_of(placements, [](const StagePlacement& p) { return !p.resident; })) {
    parts.emplace_back("weights wait in host memory");
  }
  parts.insert(parts.end(), run.notes.begin(), run.notes.end());
  return fmt::format("{:.1f} s{}{}", run.seconds, parts.empty() ? "" : "; ", fmt::join(parts, "; "));
}

}  // namespace

std::vector<DeviceCheck> check_tiny_pipeline(const Worker& worker, const fs::path& folder,
                                             const Control& control, const TellCheck& tell) {
  CheckList list(device_name(worker), control, tell, 4);
  Settings settings = random_model_settings(ModelSize::kTiny);
  settings.precision = "fp32";
  std::optional<ModelsHere> models;
  std::optional<TexturedMesh> expected;
  const auto compare = [&](DeviceCheck& line, const std::vector<Worker>& workers, int pictures,
                           Strategy strategy, const std::function<void(Plan&)>& adapt = {}) {
    const WithoutTf32 exactly;
    if (!models) models.emplace(folder, ModelSize::kTiny);
    Settings on_cpu = settings;
    on_cpu.precision = "fp32";
    if (!expected) {
      expected = run_pipeline({whole_cpu()}, on_cpu, 1, Strategy::kSingle, control.cancel).meshes.front();
    }
    const PipelineRun run = run_pipeline(workers, settings, pictures, strategy, control.cancel, adapt);
    line.number = 0;
    for (const TexturedMesh& mesh : run.meshes) line.number = std::max(line.number, apart(mesh, *expected));
    line.note = fmt::format("{}, {} vertices", settings.precision, expected->surface.vertices.size());
  };
  const double cell = 2.0 / settings.grid;
  list.run("tiny pipeline in float32", "box units", 0.01 * cell,
           [&](DeviceCheck& line) { compare(line, {worker}, 1, Strategy::kSingle); });
  list.run("two parts of the device", "box units", 0.01 * cell,
           [&](DeviceCheck& line) { compare(line, halves_of(worker), 2, Strategy::kData); });
  // Libraries may choose other kernels for other batches.
  list.run("two pictures in one batch", "box units", 0.01 * cell, [&](DeviceCheck& line) {
    compare(line, {worker}, 2, Strategy::kSingle, [](Plan& plan) { plan.groups.at(0).batch = 2; });
  });
  settings.precision = half_of(worker);
  list.run("tiny pipeline in half precision", "box units", 3 * cell,
           [&](DeviceCheck& line) { compare(line, {worker}, 1, Strategy::kSingle); });
  return list.take();
}

std::vector<DeviceCheck> check_memory(const Worker& worker, const PipelineCheck& wanted,
                                      const Control& control, const TellCheck& tell) {
  CheckList list(device_name(worker), control, tell, 3 + wanted.budgets.size());
  const Settings settings = random_model_settings(wanted.size);
  const std::string size = wanted.size == ModelSize::kFull ? "full-size" : "tiny";
  std::optional<ModelsHere> models;
  int64_t planned = 0;
  std::optional<DeviceMemory> taken;
  const auto run_on = [&](const Worker& limited) {
    begin_anew(worker);
    PipelineRun run = run_pipeline({limited}, settings, 1, Strategy::kAuto, control.cancel);
    planned = run.planned_bytes;
    taken = worker.kind == DeviceKind::kCuda ? device_memory(worker.device) : std::nullopt;
    // The CPU has no allocator that keeps anything.
    if (!taken) taken = DeviceMemory{0, 0, run.counted_bytes, run.counted_bytes};
    return run;
  };
  constexpr double kMostSeconds = 240, kMostOverPlan = 1.1, kMostReserved = 1.3;
  list.run(size + " pipeline", "s", kMostSeconds, [&](DeviceCheck& line) {
    models.emplace(wanted.folder, wanted.size);
    const PipelineRun run = run_on(worker);
    line.number = run.seconds;
    line.note = fmt::format("{}; {} vertices", story_of(run), run.meshes.front().surface.vertices.size());
  });
  const auto beside_plan = [&](DeviceCheck& line, int64_t DeviceMemory::*peak) {
    if (!taken || planned <= 0) throw Error(ErrorCode::kInternal, "The pipeline did not run.");
    line.number = static_cast<double>(*taken.*peak) / static_cast<double>(planned);
    line.note = fmt::format("{} of {} planned", format_bytes(*taken.*peak), format_bytes(planned));
  };
  list.run("peak allocated", "of the plan", kMostOverPlan,
           [&](DeviceCheck& line) { beside_plan(line, &DeviceMemory::peak_allocated_bytes); });
  list.run("peak reserved", "of the plan", kMostReserved,
           [&](DeviceCheck& line) { beside_plan(line, &DeviceMemory::peak_reserved_bytes); });
  for (const int64_t budget : wanted.budgets) {
    if (budget > worker.budget_bytes) continue;
    const double limit = static_cast<double>(budget) / kGiB;
    list.run(fmt::format("budget of {:g} GiB", limit), "GiB reserved", limit, [&](DeviceCheck& line) {
      if (!models)
        throw Error(ErrorCode::kInternal, "There are no models, as the line of the pipeline says.");
      try {
        const PipelineRun run = run_on(with_budget(worker, budget));
        line.number = static_cast<double>(taken->peak_reserved_bytes) / kGiB;
        line.note = story_of(run);
      } catch (...) {
        const Error error = current_torch_error();
        if (error.code() != ErrorCode::kOutOfMemory || budget >= kSmallestBudget) throw;
        line.number = 0;
        line.note = "too little, and it says so: " + error.message();
      }
    });
  }
  return list.take();
}

std::vector<DeviceCheck> check_guidance_step(const Worker& worker, ModelSize size, const Control& control,
                                             const TellCheck& tell) {
  const bool is_gpu = worker.kind == DeviceKind::kCuda;
  CheckList list(device_name(worker), control, tell, is_gpu ? 2 : 1);
  const at::NoGradGuard no_grad;
  const std::string precision = worker.half.empty() ? "fp32" : worker.half;
  constexpr double kLeast = 0.01;  // a processor of two threads is faster
  std::optional<GuidanceStep> step;
  at::Tensor last;
  /// Steps a second of `run()`.
  const auto speed_of = [&](const std::function<at::Tensor()>& run) {
    constexpr int kRepeats = 5;
    run().sum().item<float>();  // warm
    const auto begin = Clock::now();
    for (int i = 0; i < kRepeats; ++i) last = run();
    if (!std::isfinite(last.sum().item<float>())) {  // which waits for the device
      throw Error(ErrorCode::kInternal, "The step's result is not a number.");
    }
    return kRepeats / seconds_since(begin);
  };
  list.run(
      "guidance step", "it/s", kLeast,
      [&](DeviceCheck& line) {
        begin_anew(worker);
        step.emplace(size == ModelSize::kFull ? GuidanceStepSize{} : GuidanceStepSize::tiny(),
                     execution_for(worker, precision).options());
        line.number = speed_of([&] { return step->run(); });
        const auto memory = worker.kind == DeviceKind::kCuda ? device_memory(worker.device) : std::nullopt;
        line.note = fmt::format("{}, {} x {} latents", precision, step->size().height, step->size().width);
        if (memory) {
          line.note +=
              fmt::format(", {} allocated at the highest", format_bytes(memory->peak_allocated_bytes));
        }
      },
      true);
  // Workers have a stream of their own, and so has a thread of one.
  const auto as_graph = [&](DeviceCheck& line) {
    if (!step) throw Error(ErrorCode::kInternal, "The step itself could not be made.");
    const at::Tensor expected = step->run().cpu();
    const auto graphs = std::make_shared<GpuGraphs>();
    const WorkerHooks hooks = make_worker_hooks({worker});
    WorkerThread thread(worker, hooks);
    thread.entered();
    thread.run([&] {
      const at::NoGradGuard here;
      UnetGraph graph(step->unet(), graphs);
      step->run(graph);
      const double speed = speed_of([&] { return step->run(graph); });
      if (!graph.is_recorded()) {
        throw Error(ErrorCode::kInternal, "The step could not be recorded: " + graphs->why());
      }
      line.number = relative_error(last, expected);
      line.note = fmt::format("{:.3g} it/s", speed);
    });
    last.reset();
  };
  if (is_gpu) list.run("guidance step as a graph", "relative error", 1e-6, as_graph);
  return list.take();
}

}  // namespace relievo
