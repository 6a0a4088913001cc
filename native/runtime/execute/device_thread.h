// The thread of a slot. Everything that a slot computes runs on it, so that its share of threads and its
// budget are its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "runtime/machine/device_hooks.h"

namespace relievo {

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
