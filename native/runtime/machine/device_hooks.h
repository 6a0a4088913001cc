// Functions that only torch can do for a worker. The runtime calls them; runtime/torch/worker_hooks.h fills
// them in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/error.h"
#include "runtime/machine/workers.h"

namespace relievo {

/// Copies from one device to another.
struct DeviceCopy {
  int from = -1, to = -1;  ///< indices of GPUs; -1 is host memory
  int64_t bytes = 0;
  double seconds = 0;
};

/// The memory of a worker as it is at the moment.
struct MemoryNow {
  int64_t budget_bytes = 0, used_bytes = 0;
};

/// Any of them may be empty.
struct WorkerHooks {
  std::function<void(const Worker&)>
      /// Called at the start of the worker's thread: sets threads, budget, device and stream.
      enter;
  /// Waits until the device has done this thread's pending work: its results can be read by others, and its
  /// inputs may be freed.
  std::function<void(const Worker&)> finish;
  /// Gives memory back that an allocator holds unused.
  std::function<void(const Worker&)> release_cache;
  /// The exception that is being handled in a catch block, as an Error (default: base's current_error).
  std::function<Error()> current_error;
  /// Looks again at the memory that is free, from any thread: sets the budget of a worker that follows it,
  /// and returns it with what the worker uses.
  std::function<MemoryNow(const Worker&)> memory;
  /// Returns the highest use since the last call, in bytes.
  std::function<int64_t(const Worker&)> take_peak;
  /// Returns the copies between devices that this thread has made since the last call.
  std::function<std::vector<DeviceCopy>()> take_transfers;
  /// Returns the seconds for which this thread has waited for other workers since the last call.
  std::function<double()> take_waited;
  /// The share, 0..1, of the memory that the worker's allocator holds unused; nothing where it holds none.
  std::function<std::optional<double>(const Worker&)> fragmentation;
};

/// The memory of a worker, by way of the hook; without one it has its budget and nothing is known to be used.
inline MemoryNow memory_now(const WorkerHooks& hooks, const Worker& worker) {
  return hooks.memory ? hooks.memory(worker) : MemoryNow{worker.budget_bytes, 0};
}

/// The Error that is being handled, by way of the hook.
inline Error error_now(const WorkerHooks& hooks) {
  return hooks.current_error ? hooks.current_error() : current_error();
}

}  // namespace relievo
