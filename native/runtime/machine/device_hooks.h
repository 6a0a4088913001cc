// What only torch can do for a worker. The runtime calls it; runtime/torch/worker_hooks.h fills it in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/error.h"
#include "runtime/machine/workers.h"

namespace relievo {

/// Any may be empty.
struct WorkerHooks {
  std::function<void(const Worker&)>
      enter;  ///< at the start of the worker's thread: threads, budget, device, stream
  /// Waits until the device has done what this thread gave it: what it made is there for others, and what it
  /// read may go.
  std::function<void(const Worker&)> finish;
  std::function<void(const Worker&)> release_cache;  ///< gives memory back that an allocator only keeps
  /// What is being handled in a catch block, as an Error (default: base's current_error).
  std::function<Error()> current_error;
  std::function<int64_t(const Worker&)> take_peak;  ///< the highest use since the last call, bytes
  /// The part, 0..1, of what the worker's allocator has taken that nothing uses; none where it keeps nothing.
  std::function<std::optional<double>(const Worker&)> fragmentation;
};

/// The Error that is being handled, through the hook.
inline Error error_now(const WorkerHooks& hooks) {
  return hooks.current_error ? hooks.current_error() : current_error();
}

}  // namespace relievo
