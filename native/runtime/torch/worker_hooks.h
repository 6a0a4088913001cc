// Makes the hooks by which a worker's thread tells torch about itself.
#pragma once

#include "runtime/machine/device_hooks.h"

namespace relievo {

/// Hooks for CPU workers and GPUs: threads and an account with the worker's budget; on a GPU the device, and
/// its share of memory, which is watched by the caching allocator's counters. Installs the counting
/// allocator. `current_error` is left to the caller (nn/errors.h).
WorkerHooks make_worker_hooks();

}  // namespace relievo
