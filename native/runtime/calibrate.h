// Measures what stages cost on a slot.
#pragma once

#include <any>
#include <memory>
#include <vector>

#include "base/control.h"
#include "runtime/slot_thread.h"
#include "runtime/stage.h"

namespace relievo {

struct CalibrateOptions {
  std::vector<int> batches{1, 2};  ///< larger ones than a stage takes are left out
  int repeats = 2;                 ///< after one call to warm up; the median counts
  SlotHooks hooks = {};            ///< take_peak gives the bytes; without it they are 0
  Control control = {};
};

/// Runs the stages one after the other on the slot, in every mode and batch, each stage fed with what the one
/// before made of `input`. Weights are the slot's use after loading, workspace the peak above it. A mode or
/// batch that runs out of memory is left out. Seconds are those of a slot of speed 1 (measured times the
/// slot's speed).
std::vector<CostSample> calibrate(const Slot& slot, const std::vector<std::shared_ptr<Stage>>& stages,
                                  const std::any& input, const CalibrateOptions& options);

}  // namespace relievo
