// What one worker's tensors take of a GPU. Torch's caching allocator counts by device, so that each part of a
// GPU (`cuda:0*2`) would see what all of its parts take; but it reports every block that it gives and takes
// back to the thread that asks.
#pragma once

#include <memory>

#include "runtime/torch/counting_allocator.h"

namespace relievo {

/// From now on this thread's blocks of GPUs are noted in the account, until they are freed by a thread that
/// has an account, too. One that another thread frees is noted until its address is given again. The
/// account's budget refuses nothing: the device's limit does (device_memory.h). Not for a thread that a
/// profiler of torch's watches.
void set_thread_gpu_account(std::shared_ptr<MemoryAccount> account);
std::shared_ptr<MemoryAccount> thread_gpu_account();

}  // namespace relievo
