// Measures the costs of stages on a worker.
#pragma once

#include <any>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/control.h"
#include "runtime/costs/stage.h"
#include "runtime/machine/device_hooks.h"

namespace relievo {

struct ProfilerOptions {
  /// Batches larger than a stage takes are left out.
  std::vector<int> batches{1, 2};
  /// Calls of each batch, after one call to warm up, whose mean counts; 0 makes one call without warming up.
  int repeats = 1;
  /// Measures all modes; else only the first that fits, of every stage.
  bool all_modes = true;
  /// The size that is asked of the stages, as samples name it.
  std::string size = {};
  /// take_peak gives the bytes; without it they are 0.
  WorkerHooks hooks = {};
  Control control = {};
  std::function<void(const std::string& stage, const StageMode& mode, int batch)> on_call = {};
  /// Throws when the output of a stage is of no use to the next one.
  std::function<void(const std::any& output)> check = {};
};

/// Must be called on the worker's thread. Runs the stages one after the other on the worker, each on the
/// output of the one before, the first on `input`: every batch in the first mode that fits, and one picture
/// once in the other modes. Weights are the worker's use after loading, workspace the peak above it, both
/// beside what the input holds. A mode or batch that runs out of memory is left out; throws
/// Error{kOutOfMemory} when nothing of a stage fits.
std::vector<CostSample> measure_costs(const Worker& worker, const std::vector<std::shared_ptr<Stage>>& stages,
                                      const std::any& input, const ProfilerOptions& options);

}  // namespace relievo
