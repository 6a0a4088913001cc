// The pictures of one run: the queue that lanes pull from, the outcomes, the progress.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <vector>

#include "runtime/execute/execute.h"

namespace relievo {

/// Any thread may call it.
class PictureQueue {
 public:
  PictureQueue(std::vector<std::any> inputs, const RunOptions& options);

  /// Up to `most` pictures. Waits while the queue is empty but pictures at work elsewhere may come back, or
  /// more may come. Empty: nothing will come any more, or the run is cancelled.
  std::vector<int> pull(int most);

  /// A copy of the picture's input.
  std::any input(int picture) const;

  /// Hands pictures back that a lost lane had begun.
  void put_back(const std::vector<int>& pictures);

  /// Delivers. A picture that is done already is an internal error.
  void finish(int picture, Outcome outcome);

  /// Everything that is not done fails with `error`.
  void fail_the_rest(const Error& error);

  /// Nobody gets a picture any more.
  void stop();

  bool none_was_given() const;
  bool all_done() const;
  int left() const;

  /// The fraction of one picture's way that is done.
  void progress(int picture, double fraction);

  std::vector<Outcome> take_outcomes();

 private:
  size_t add(std::any input);  ///< under the lock
  void ask_for_more(int most, std::unique_lock<std::mutex>& lock);

  const RunOptions& options_;
  mutable std::mutex mutex_;
  std::mutex delivery_;
  std::condition_variable changed_;
  std::deque<std::any> inputs_;
  std::deque<int> waiting_;
  std::deque<Outcome> outcomes_;  // whose elements stay where they are
  std::deque<bool> done_;
  std::deque<double> fractions_;
  bool asking_ = false;
  double sum_ = 0;
  int working_ = 0;
  bool stopped_ = false;
};

}  // namespace relievo
