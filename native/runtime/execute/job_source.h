// Gives a run its jobs and takes their results.
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
#include "runtime/machine/device_hooks.h"

namespace relievo {

/// How a worker spent the time of a stage. What is left of the stage's time went into loading weights.
struct DeviceSeconds {
  std::string worker;
  double computing = 0;
  double transfer = 0;  ///< copies from and to other devices
  /// For other workers: for their part of this stage, or for a picture from the worker before it.
  double waiting = 0;
};

struct StageRun {
  std::string stage;
  /// The worker, `cpu#0`, or several with + in between.
  std::string worker;
  double seconds = 0;
  int batch = 1;
  ExecutionMode mode = {};
  /// Highest use of the first worker's budget; 0 where it is not counted.
  int64_t peak_bytes = 0;
  /// Fragmentation of the first worker's allocator afterwards (WorkerHooks).
  std::optional<double> fragmentation = {};
  int threads = 0;          ///< of the processor, that the first worker had for it; 0: all that are its own
  bool on_side = false;     ///< it ran on a side thread, while the worker computed other pictures
  double load_seconds = 0;  ///< of `seconds`, for bringing weights in
  bool is_first_load = false;  ///< files were read for it
  double repeated = 0;         ///< the share of the work that each of several workers did
  std::vector<DeviceSeconds> devices = {};
  std::vector<DeviceCopy> transfers = {};
};

/// What has become of a picture on its way.
struct JobReport {
  int stages_done = 0;  ///< the first stages, which it has behind it
  std::vector<StageRun> stages = {};
  std::vector<std::string> notes = {};
  bool lossy = false;
  double expected_s = 0;  ///< what the plan says of its stages
  /// The want of memory for which it goes on elsewhere; its hint helps the stage there, too.
  std::optional<Error> want = {};
};

/// One picture, by the number that its source gave it.
struct RunJob {
  uint64_t number = 0;
  std::any input;         ///< of one that was begun elsewhere and goes on, what the last stage there made
  JobReport report = {};  ///< of these stages
};

struct Outcome {
  std::any value = {};
  std::optional<Error> error = {};
  std::vector<StageRun> stages = {};
  /// Sentences about the fallbacks that were taken.
  std::vector<std::string> notes = {};
  /// The plan, or a fallback that was taken, changes the result.
  bool lossy = false;
  /// The plan that it was made by, in sentences: what is done and why, and which workers are idle or were
  /// lost.
  std::vector<std::string> plan = {};
  /// What the plan said that the stages would take, loading of weights that were not there included.
  double expected_seconds = 0;
};

/// Serves one run at a time, which calls it from its workers' threads.
class JobSource {
 public:
  virtual ~JobSource() = default;

  /// Returns up to `most` jobs that can begin now; it does not wait. It is asked whenever a group is free,
  /// one call at a time. The run ends when there are none and nothing is at work.
  virtual std::vector<RunJob> next(int most) = 0;

  /// Tells that a job has ended: once for each job, one call at a time.
  virtual void done(uint64_t number, Outcome outcome) = 0;

  /// Tells that next() may give more than before, or that the run was cancelled, so that waiting groups ask
  /// again. Must not be called under a lock that next() takes.
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
