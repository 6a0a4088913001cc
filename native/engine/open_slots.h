// What computes, as the options say it.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "runtime/slots.h"

namespace relievo {

/// The slots of `options.devices`, by default every GPU, else the CPU; for GPUs LibTorch's CUDA part is
/// opened first, with the allocator set as the policy wants it. Where that fails and no devices were named,
/// the CPU is taken with a warning. Throws Error{kInvalidSettings} for devices that are not there or cannot
/// be used.
std::vector<Slot> open_slots(const EngineOptions& options);

}  // namespace relievo
