// Opens the workers that compute, as the options ask for them.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"
#include "runtime/machine/machine.h"

namespace relievo {

struct OpenedWorkers {
  std::vector<Worker> workers;
  /// Sentences that say which devices of the machine are not among the workers, and why; none where the
  /// person chose.
  std::vector<std::string> left_out = {};
  std::string allocator = {};  ///< how torch's allocator of GPUs is set and why; empty without a GPU
};

/// Opens the workers of `options.devices`, by default every GPU, else the CPU; for GPUs LibTorch's CUDA part
/// is opened first, with the allocator set as the policy wants it. Where that fails and no devices were
/// named, the CPU is taken with a warning. Throws Error{kInvalidSettings} for devices that are not there or
/// cannot be used. Where a GPU could be computed on, LibTorch's CUDA part is opened in any case, before
/// anything is computed: an engine that comes later may want it, and torch looks for it once.
OpenedWorkers open_workers(const EngineOptions& options);

/// The workers that `devices` names, as parse_workers (runtime/machine/workers.h) makes them of `sources`. A
/// refusal of a GPU of the machine says why it cannot be used. Throws Error{kInvalidSettings}.
std::vector<Worker> named_workers(const std::string& devices, const WorkerSources& sources,
                                  const Machine& machine);

/// Sentences that say why no GPU computes though there is one: driver, runtime and card do not fit together,
/// CUDA does not show it, its driver is missing, or it is not NVIDIA's.
std::vector<std::string> why_no_gpu(const Machine& machine);

/// Returns whether LibTorch's CUDA part, the driver and a GPU that is not too old are there and fit together.
bool has_gpu_for_torch(const Machine& machine);

}  // namespace relievo
