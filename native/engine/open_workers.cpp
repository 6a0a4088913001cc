#include "engine/open_workers.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "engine/machine.h"
#include "runtime/machine/machine.h"
#include "runtime/plan/plan.h"
#include "runtime/torch/device_memory.h"

namespace relievo {

OpenedWorkers open_workers(const EngineOptions& options) {
  const Machine machine = find_machine();
  WorkerSources sources = machine.sources();
  if (options.devices.empty() && !machine.gpus.empty()) {
    for (const StackFinding& finding : check_stack(machine.facts)) {
      if (finding.fatal) log(LogLevel::kWarning, finding.what + " The CPU is used. " + finding.hint);
    }
  }
  if (options.threads > 0) sources.cpu_threads = options.threads;
  OpenedWorkers opened = options.devices.empty() ? OpenedWorkers{default_workers(sources), left_out(machine)}
                                                 : OpenedWorkers{parse_workers(options.devices, sources)};
  const bool wants_gpu = std::ranges::any_of(
      opened.workers, [](const Worker& worker) { return worker.kind == DeviceKind::kCuda; });
  if (!wants_gpu) return opened;
  apply_allocator_settings(policy_of(options.policy));
  std::string why;
  if (open_torch_cuda(&why)) return opened;
  if (!options.devices.empty()) {
    throw Error(ErrorCode::kInvalidSettings, "LibTorch cannot use the GPU: " + why,
                "Install the CUDA runtime, or use --devices cpu. `relievo devices` says what is missing.");
  }
  log(LogLevel::kWarning, "LibTorch cannot use the GPU (" + why + "); the CPU is used.");
  sources.gpu_free_bytes.clear();
  opened.left_out.push_back("The GPU is left out: LibTorch cannot use it (" + why + ").");
  return {default_workers(sources), opened.left_out};
}

}  // namespace relievo
