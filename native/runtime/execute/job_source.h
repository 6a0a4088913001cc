// Where a run's jobs come from, and where they go.
#pragma once

#include <any>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "runtime/costs/costs.h"

namespace relievo {

/// One picture, as its source numbers it.
struct RunJob {
  uint64_t number = 0;
  std::any input;
};

struct StageRun {
  std::string stage;
  std::string worker;  ///< `cpu#0`, or several with + between
  double seconds = 0;
  int batch = 1;
  ExecutionMode mode = {};
  int64_t peak_bytes = 0;                    ///< of the first worker; 0: not counted
  std::optional<double> fragmentation = {};  ///< of the first worker's allocator after it (WorkerHooks)
};

struct Outcome {
  std::any value = {};
  std::optional<Error> error = {};
  std::vector<StageRun> stages = {};
  std::vector<std::string> notes = {};  ///< fallbacks that were taken, in words
  bool lossy = false;                   ///< the plan, or a fallback that was taken, changes the result
  /// The plan that it was made by, in sentences: what is done and why, which workers are idle or were lost.
  std::vector<std::string> plan = {};
};

/// Serves one run at a time, which calls it from its workers' threads.
class JobSource {
 public:
  virtual ~JobSource() = default;

  /// At most so many jobs that can begin now; it does not wait. Asked for whenever a group is free, one call
  /// at a time. The run ends when there are none and nothing is at work.
  virtual std::vector<RunJob> next(int most) = 0;

  /// A job that was given has ended: each once, one call at a time.
  virtual void done(uint64_t number, Outcome outcome) = 0;

  /// next() may give more than before, or the run was cancelled: groups that wait ask again. Not to be called
  /// under a lock that next() takes.
  void notify() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

 private:
  friend class JobFeed;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace relievo
