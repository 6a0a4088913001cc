// Threads that save results while the next pictures are computed, so that no device waits for an encoder or a
// disk.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "app/generate.h"

namespace relievo {

/// Gives outcomes back in the order in which their work came. All its functions are for one thread.
class Savers {
 public:
  /// The work of one picture; must not throw.
  using Work = std::packaged_task<PictureOutcome()>;

  explicit Savers(size_t threads);
  /// Waits for the work that has begun, and drops the rest.
  ~Savers();
  Savers(const Savers&) = delete;
  Savers& operator=(const Savers&) = delete;

  void add(Work work);
  /// The next outcome: where it is not there yet, waits for it while more than `most` pictures are here, and
  /// else returns nothing.
  std::optional<PictureOutcome> next(size_t most);

 private:
  void run(const std::stop_token& stop);

  std::deque<Work> waiting_;
  std::deque<std::future<PictureOutcome>> outcomes_;
  std::mutex mutex_;
  std::condition_variable_any has_come_;
  std::vector<std::jthread> threads_;  // the last: they use all of the above
};

}  // namespace relievo
