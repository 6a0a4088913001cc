#include "engine/open_slots.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "engine/machine.h"
#include "runtime/machine/machine.h"
#include "runtime/plan/plan.h"
#include "runtime/torch/device_memory.h"

namespace relievo {

OpenedSlots open_slots(const EngineOptions& options) {
  const Machine machine = find_machine();
  SlotSources sources = machine.sources();
  if (options.devices.empty() && !machine.gpus.empty()) {
    for (const StackFinding& finding : check_stack(machine.facts)) {
      if (finding.fatal) log(LogLevel::kWarning, finding.what + " The CPU is used. " + finding.hint);
    }
  }
  if (options.threads > 0) sources.cpu_threads = options.threads;
  OpenedSlots opened = options.devices.empty() ? OpenedSlots{default_slots(sources), left_out(machine)}
                                               : OpenedSlots{parse_slots(options.devices, sources)};
  const bool wants_gpu =
      std::ranges::any_of(opened.slots, [](const Slot& slot) { return slot.kind == SlotKind::kCuda; });
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
  return {default_slots(sources), opened.left_out};
}

}  // namespace relievo
