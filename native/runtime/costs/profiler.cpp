#include "runtime/costs/profiler.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"

namespace relievo {
namespace {

class Profiler {
 public:
  Profiler(const Worker& worker, const ProfilerOptions& options) : worker_(worker), options_(options) {}

  std::vector<CostSample> samples;

  /// Measures a stage; returns its output for one picture in its first mode that fits.
  std::any measure(Stage& stage, const std::any& input) {
    std::optional<std::any> output;
    for (const StageMode& mode : stage.profile().on(worker_).modes) {
      if (output && !options_.all_modes) break;
      options_.control.cancel.check();
      const int64_t before = used();
      double load_seconds = 0;
      try {
        const StageLoad wanted{worker_, mode.execution, 0, 0};
        // Weights that wait in host memory were read from disk before, so a second load is measured.
        if (!output) {
          stage.load(wanted);
          stage.unload(worker_);
        }
        const auto start = Clock::now();
        stage.load(wanted);
        if (options_.hooks.finish) options_.hooks.finish(worker_);
        load_seconds = seconds_since(start);
      } catch (...) {
        const Error error = error_now(options_.hooks);
        if (error.code() != ErrorCode::kOutOfMemory) throw error;
        continue;
      }
      const int64_t weights = std::max<int64_t>(0, used() - before);
      const bool is_first = !output;
      bool is_cold = is_first && options_.repeats > 0;  // the other modes are not worth a second call
      for (const int batch : is_first ? options_.batches : std::vector<int>{1}) {
        if (batch > stage.profile().max_batch) continue;
        if (options_.on_call) options_.on_call(stage.profile().name, mode, batch);
        const int calls = is_first ? std::max(1, options_.repeats) : 1;
        auto made = measure_batch(stage, mode, batch, is_cold, calls, input);
        if (made) {
          samples.back().weight_bytes = weights;
          samples.back().load_seconds = load_seconds;
        }
        is_cold = is_cold && !made;
        if (made && !output) output = std::move(made);
      }
      stage.unload(worker_);
      if (options_.hooks.release_cache) options_.hooks.release_cache(worker_);
    }
    if (!output) {
      throw Error(ErrorCode::kOutOfMemory,
                  fmt::format("The stage '{}' does not fit into '{}' in any mode.", stage.profile().name,
                              worker_.name),
                  "Profile a device with more memory.");
    }
    return *output;
  }

 private:
  /// The highest use since the last call.
  int64_t peak() const { return options_.hooks.take_peak ? options_.hooks.take_peak(worker_) : 0; }
  int64_t used() const {
    peak();
    return peak();
  }

  std::optional<std::any> measure_batch(Stage& stage, const StageMode& mode, int batch, bool warm_up,
                                        int calls, const std::any& input) {
    StageCall call;
    call.mode = mode.execution;
    call.workers = {worker_};
    call.set_runner([](const std::vector<size_t>& which, const std::function<void(size_t)>& body,
                       const std::function<void()>&) {
      for (const size_t k : which) body(k);
    });
    const std::vector<std::any> inputs(size_t(batch), input);
    double seconds = 0;
    int64_t workspace = 0, held = 0;
    std::any output;
    try {
      for (int i = warm_up ? -1 : 0; i < calls; ++i) {
        output.reset();
        const int64_t before = used();
        const auto start = Clock::now();
        auto outputs = stage.run(call, inputs);
        if (options_.hooks.finish) options_.hooks.finish(worker_);
        const double taken = seconds_since(start);
        workspace = std::max(workspace, peak() - before);
        held = std::max(held, used() - before);
        if (i >= 0) seconds += taken / calls;
        if (options_.check) options_.check(outputs.front());
        output = std::move(outputs.front());
      }
    } catch (...) {
      const Error error = error_now(options_.hooks);
      if (error.code() != ErrorCode::kOutOfMemory) throw error;
      if (options_.hooks.release_cache) options_.hooks.release_cache(worker_);
      return std::nullopt;
    }
    samples.push_back({.stage = stage.profile().name,
                       .variant = stage.profile().variant,
                       .size = options_.size,
                       .mode = mode.execution,
                       .batch = batch,
                       .threads = worker_.threads,
                       .speed = worker_.speed_in(mode.execution.precision),
                       .workspace_bytes = workspace,
                       .output_bytes = held,
                       .seconds = seconds});
    return output;
  }

  const Worker& worker_;
  const ProfilerOptions& options_;
};

}  // namespace

std::vector<CostSample> measure_costs(const Worker& worker, const std::vector<std::shared_ptr<Stage>>& stages,
                                      const std::any& input, const ProfilerOptions& options) {
  Profiler profiler(worker, options);
  std::any value = input;
  for (size_t i = 0; i < stages.size(); ++i) {
    value = profiler.measure(*stages[i], value);
    options.control.progress.report(double(i + 1) / double(stages.size()));
  }
  return profiler.samples;
}

}  // namespace relievo
