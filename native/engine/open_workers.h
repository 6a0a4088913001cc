// What computes, as the options say it.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"
#include "runtime/machine/workers.h"

namespace relievo {

struct OpenedWorkers {
  std::vector<Worker> workers;
  /// Which devices of the machine are not among them and why, in sentences; none where the person chose.
  std::vector<std::string> left_out = {};
};

/// The workers of `options.devices`, by default every GPU, else the CPU; for GPUs LibTorch's CUDA part is
/// opened first, with the allocator set as the policy wants it. Where that fails and no devices were named,
/// the CPU is taken with a warning. Throws Error{kInvalidSettings} for devices that are not there or cannot
/// be used.
OpenedWorkers open_workers(const EngineOptions& options);

}  // namespace relievo
