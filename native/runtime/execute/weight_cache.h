// Which weights are in which worker, and bringing in those of the stage that comes next while the stage
// before it still computes there.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "runtime/costs/stage.h"
#include "runtime/execute/device_thread.h"

namespace relievo {

class WeightCache {
 public:
  WeightCache(const std::vector<std::shared_ptr<Stage>>& stages, size_t workers, WorkerHooks hooks)
      : stages_(stages),
        hooks_(std::move(hooks)),
        loaded_(workers, std::vector<std::optional<StageLoad>>(stages.size())),
        copy_threads_(workers) {}

  /// Makes the worker hold exactly this of the stage. On the worker's thread, or its copy thread.
  void ensure(size_t worker, size_t stage, const StageLoad& wanted);
  /// On the worker's thread.
  void unload(size_t worker, size_t stage);
  /// Everything but `kept`. On the worker's thread.
  void unload_others(size_t worker, size_t kept);
  int count() const;

 private:
  friend class Prefetch;
  /// Runs ensure() on the worker's second thread, which on a GPU has a stream of its own, and waits for the
  /// device before it counts as done. The thread is made when it is first wanted. On the worker's thread.
  std::future<void> start_ensure(size_t worker, size_t stage, const StageLoad& wanted);

  const std::vector<std::shared_ptr<Stage>>& stages_;
  const WorkerHooks hooks_;
  mutable std::mutex mutex_;
  std::vector<std::vector<std::optional<StageLoad>>> loaded_;  // by worker and stage
  std::vector<std::unique_ptr<WorkerThread>> copy_threads_;    // by worker
};

/// One stage's weights on their way. Whatever hinders them is left to the stage's own turn, which loads what
/// is not there. On the worker's thread; the destructor waits.
class Prefetch {
 public:
  explicit Prefetch(WeightCache& cache) : cache_(cache) {}
  ~Prefetch() { wait(); }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// Once; further calls do nothing.
  void start(size_t worker, size_t stage, const StageLoad& wanted) noexcept;

  /// Gives their memory back. False: they were not started, or have been taken back before.
  bool take_back() noexcept;

 private:
  void wait() noexcept;

  WeightCache& cache_;
  std::future<void> arrival_;
  bool started_ = false, taken_back_ = false;
  size_t worker_ = 0, stage_ = 0;
};

}  // namespace relievo
