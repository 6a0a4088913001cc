// The threads of slots. Everything that a slot computes runs on its own one, so that its share of processor
// threads and its budget are its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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

/// Those of an executor's slots, by index, and which slots are lost. Any thread may call it.
class SlotThreads {
 public:
  /// A slot that cannot be entered is lost from the beginning. Throws Error{kOutOfMemory}.
  SlotThreads(std::vector<Slot> slots, const SlotHooks& hooks);

  size_t size() const { return threads_.size(); }
  SlotThread& operator[](int slot) const { return *threads_[size_t(slot)]; }
  const Slot& slot(int slot) const { return threads_[size_t(slot)]->slot(); }

  void lose(int slot, const std::string& why);
  std::map<int, std::string> lost() const;  ///< and why
  bool any_lost(const std::vector<int>& slots) const;

 private:
  std::vector<std::unique_ptr<SlotThread>> threads_;
  mutable std::mutex mutex_;
  std::map<int, std::string> lost_;
};

}  // namespace relievo
