// Knows which weights are in which worker, and loads those of the next stage while the stage before it still
// computes there.
#pragma once

#include <deque>
#include <functional>
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
        loading_(workers * stages.size()),
        copy_threads_(workers) {}

  /// Whether weights had to be brought in, and whether for the first time, when files are read.
  enum class Loading { kNone, kAgain, kFirst };

  /// Makes the worker hold exactly this part of the stage. Must be called on the worker's thread, its copy
  /// thread or one of its side threads; of several that want the same, one loads and the others wait.
  Loading ensure(size_t worker, size_t stage, const StageLoad& wanted);
  bool holds(size_t worker, size_t stage) const;
  /// Whether any worker ever held any part of the stage.
  bool has_read(size_t stage) const;
  /// Must be called on a thread of the worker, while no other runs the stage there.
  void unload(size_t worker, size_t stage);
  /// Unloads everything but `kept`. Must be called on a thread of the worker that is alone (room.h).
  void unload_others(size_t worker, size_t kept);
  int count() const;

  /// Runs the task on the worker's second thread, which on a GPU has a stream of its own; it is done when the
  /// device is. The thread is made when it is first wanted. Must be called on the worker's thread.
  std::future<void> start_beside(size_t worker, const Worker& as, std::function<void()> task);

 private:
  friend class Prefetch;
  const std::vector<std::shared_ptr<Stage>>& stages_;
  const WorkerHooks hooks_;
  mutable std::mutex mutex_;
  std::vector<std::vector<std::optional<StageLoad>>> loaded_;       // indexed by worker and stage
  std::deque<std::mutex> loading_;                                  // by worker and stage
  std::vector<bool> has_read_ = std::vector<bool>(stages_.size());  // indexed by stage
  std::vector<std::unique_ptr<WorkerThread>> copy_threads_;         // indexed by worker
};

/// Loads one stage's weights ahead of time. A failure is left to the stage's own turn, which loads what is
/// not there. Must be used on the worker's thread; the destructor waits.
class Prefetch {
 public:
  explicit Prefetch(WeightCache& cache) : cache_(cache) {}
  ~Prefetch() { wait(); }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  /// Starts loading, once; further calls do nothing.
  void start(size_t worker, size_t stage, const StageLoad& wanted) noexcept;

  /// Unloads the weights again. Returns false when they were not started, or have been taken back before.
  bool take_back() noexcept;

 private:
  void wait() noexcept;

  WeightCache& cache_;
  std::future<void> arrival_;
  bool started_ = false, taken_back_ = false;
  size_t worker_ = 0, stage_ = 0;
};

}  // namespace relievo
