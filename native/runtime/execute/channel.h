// Hands batches from one worker of a pipeline to the next; there is room for one.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

namespace relievo {

/// Any thread may call it.
template <typename T>
class Channel {
 public:
  /// Waits for room. Returns false when the channel is broken; `value` is then untouched.
  bool give(T&& value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return broken_ || !waiting_; });
    if (broken_) return false;
    waiting_ = std::move(value);
    changed_.notify_all();
    return true;
  }

  /// Waits for a batch. Returns nothing when no more will come.
  std::optional<T> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return broken_ || waiting_ || closed_; });
    std::optional<T> value;
    if (!broken_) value.swap(waiting_);
    changed_.notify_all();
    return value;
  }

  /// Tells that no more will come.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }

  /// Ends the channel and returns the batch that waits; give() and take() refuse from now on.
  std::optional<T> break_off() {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    changed_.notify_all();
    std::optional<T> value;
    value.swap(waiting_);
    return value;
  }

  bool broken() const {
    const std::lock_guard lock(mutex_);
    return broken_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<T> waiting_;
  bool closed_ = false, broken_ = false;
};

}  // namespace relievo
