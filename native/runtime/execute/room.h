// Who works in a worker's memory: its own thread and its side threads. What one of them lacks, the others may
// hold only for now.
#pragma once

#include <condition_variable>
#include <mutex>

namespace relievo {

class Room {
 public:
  /// A thread's stay, for as long as it lives.
  class Stay {
   public:
    /// Waits while another thread is alone, or waits to be.
    explicit Stay(Room& room) : room_(room) {
      std::unique_lock lock(room_.mutex_);
      room_.changed_.wait(lock, [&] { return !room_.is_taken_ && room_.wanting_ == 0; });
      ++room_.inside_;
    }
    ~Stay() {
      const std::lock_guard lock(room_.mutex_);
      if (is_alone_) {
        room_.is_taken_ = false;
      } else {
        --room_.inside_;
      }
      room_.changed_.notify_all();
    }
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;

    /// Waits until the others have left, and keeps them out from now on. Returns whether there were any, so
    /// that there may be more memory than before.
    bool be_alone() {
      if (is_alone_) return false;
      std::unique_lock lock(room_.mutex_);
      const bool were_others = room_.inside_ > 1 || room_.is_taken_;
      --room_.inside_;
      ++room_.wanting_;
      room_.changed_.notify_all();
      room_.changed_.wait(lock, [&] { return room_.inside_ == 0 && !room_.is_taken_; });
      --room_.wanting_;
      room_.is_taken_ = is_alone_ = true;
      return were_others;
    }

   private:
    Room& room_;
    bool is_alone_ = false;
  };

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int inside_ = 0, wanting_ = 0;
  bool is_taken_ = false;  // by a thread that is alone
};

}  // namespace relievo
