// Measures what stages cost on a worker.
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
  std::vector<int> batches{1, 2};  ///< larger ones than a stage takes are left out
  int repeats = 1;         ///< of each batch, after one call to warm up; their mean counts; 0: one, cold
  bool all_modes = true;   ///< else the first that fits, of every stage
  std::string size = {};   ///< what is asked of the stages, as samples name it
  WorkerHooks hooks = {};  ///< take_peak gives the bytes; without it they are 0
  Control control = {};
  std::function<void(const std::string& stage, const StageMode& mode, int batch)> on_call = {};
  /// Throws when what a stage made is of no use to the next one.
  std::function<void(const std::any& output)> check = {};
};

/// On the worker's thread: runs the stages one after the other on the worker, each fed with what the one
/// before made of `input`: in the first mode that fits with every batch, in the others one picture once.
/// Weights are the worker's use after loading, workspace the peak above it, both beside what the input holds.
/// A mode or batch that runs out of memory is left out; Error{kOutOfMemory} when nothing of a stage fits.
std::vector<CostSample> measure_costs(const Worker& worker, const std::vector<std::shared_ptr<Stage>>& stages,
                                      const std::any& input, const ProfilerOptions& options);

}  // namespace relievo
