// What a slot's thread has to tell torch.
#pragma once

#include "runtime/machine/device_hooks.h"

namespace relievo {

/// Hooks for CPU slots and GPUs: threads and an account with the slot's budget; on a GPU the device, and its
/// share of memory watched by the caching allocator's counters. Installs the counting allocator.
/// `current_error` is left to the caller (nn/errors.h).
SlotHooks make_slot_hooks();

}  // namespace relievo
