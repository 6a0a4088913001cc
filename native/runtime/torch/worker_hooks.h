// Makes the hooks by which a worker's thread tells torch about itself.
#pragma once

#include <vector>

#include "runtime/machine/device_hooks.h"

namespace relievo {

/// Hooks for CPU workers and GPUs: threads and an account with the worker's budget; on a GPU the device, a
/// stream, and a limit of the caching allocator: the budgets on that device of all of `workers`, and of those
/// of all hooks that live beside these, together. The budgets of workers that follow the free memory are set
/// anew by `memory`: to their share of what the process has of the device and what is free there. A stream
/// goes from a thread that has ended to the next one, because the allocator and cuBLAS keep memory for each
/// stream that there ever was. Torch gives the unused memory of all GPUs back at once, so that is done only
/// where the worker's own GPU has some. Installs the counting allocator. `current_error` is left to the
/// caller (nn/errors.h).
WorkerHooks make_worker_hooks(const std::vector<Worker>& workers = {});

}  // namespace relievo
