// What only torch can do for a slot. The runtime calls it; runtime/torch/slot_hooks.h fills it in.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/error.h"
#include "runtime/machine/slots.h"

namespace relievo {

/// Any may be empty.
struct SlotHooks {
  std::function<void(const Slot&)>
      enter;  ///< at the start of the slot's thread: threads, budget, device, stream
  /// Waits until the device has done what this thread gave it: what it made is there for others, and what it
  /// read may go.
  std::function<void(const Slot&)> finish;
  std::function<void(const Slot&)> release_cache;  ///< gives memory back that an allocator only keeps
  /// What is being handled in a catch block, as an Error (default: base's current_error).
  std::function<Error()> current_error;
  std::function<int64_t(const Slot&)> take_peak;  ///< the highest use since the last call, bytes
  /// The part, 0..1, of what the slot's allocator has taken that nothing uses; none where it keeps nothing.
  std::function<std::optional<double>(const Slot&)> fragmentation;
};

/// The Error that is being handled, through the hook.
inline Error error_now(const SlotHooks& hooks) {
  return hooks.current_error ? hooks.current_error() : current_error();
}

}  // namespace relievo
