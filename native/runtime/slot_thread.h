// The thread of a slot. Everything that a slot computes runs on it, so that its share of threads and its
// budget are its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "base/error.h"
#include "runtime/slots.h"

namespace relievo {

/// What knows torch hangs in here (runtime/torch/slot_hooks.h). Any may be empty.
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

class SlotThread {
 public:
  SlotThread(Slot slot, const SlotHooks& hooks);
  ~SlotThread();
  SlotThread(const SlotThread&) = delete;
  SlotThread& operator=(const SlotThread&) = delete;

  const Slot& slot() const { return slot_; }

  /// Waits until the thread has entered its slot, and throws what hindered it (the `enter` hook's exception).
  /// Tasks run in any case.
  void entered();

  /// Runs `task` on the thread, after those before it.
  std::future<void> start(std::function<void()> task);

  bool is_current() const { return std::this_thread::get_id() == thread_.get_id(); }

  /// Runs `task` on the thread and waits; at once when called from it.
  void run(std::function<void()> task);

 private:
  Slot slot_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<void()>> tasks_;
  bool entered_ = false;
  std::exception_ptr hindrance_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace relievo
