// Runs parts of a stage's call on the threads of the workers that share it, and tells which of them is lost.
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "runtime/execute/device_thread.h"
#include "runtime/execute/job_source.h"
#include "runtime/plan/plan.h"

namespace relievo {

/// Is thrown when a worker is lost, and says which. It is an Error, so code that passes errors on passes it
/// on unchanged.
struct WorkerLost : Error {
  WorkerLost(int worker_, const Error& error) : Error(error), worker(worker_) {}
  int worker;
};

/// Where the time of one call goes, by the placement's workers. Each entry belongs to its worker's thread.
struct CallTally {
  explicit CallTally(size_t workers) : busy(workers), paused(workers), transfers(workers) {}

  std::vector<double> busy;    ///< seconds in bodies that run on its thread
  double waited = 0;           ///< seconds for which the first worker waited for others to end
  std::vector<double> paused;  ///< seconds for which each waited for others before it went on
  std::vector<std::vector<DeviceCopy>> transfers;

  /// The seconds of each worker in a call that took `seconds`.
  std::vector<DeviceSeconds> devices(const std::vector<std::string>& names, double seconds) const;
};

class WorkerCalls {
 public:
  WorkerCalls(const WorkerThreads& threads, const WorkerHooks& hooks) : threads_(threads), hooks_(hooks) {}

  /// Runs `body(k)` for these of the placement's workers, each on its thread, and waits. Of several
  /// exceptions a lost worker's is thrown again, because its loss causes the others. `on_failure` is called
  /// as soon as one fails, from any thread.
  void on_workers(const StagePlacement& placement, const std::vector<size_t>& which,
                  const std::function<void(size_t)>& body, CallTally* tally = nullptr,
                  const std::function<void()>& on_failure = {}) const;
  void on_every_worker(const StagePlacement& placement, const std::function<void(size_t)>& body) const;

 private:
  /// Waits for what this thread gave to the worker's device before it failed: it may still read the weights
  /// and the pictures that go now, and whose memory others get.
  void settle(int index) const;
  /// The exception that is being handled, as this worker's: a device that is lost is a WorkerLost.
  std::exception_ptr current_exception_of(int worker) const;
  /// Throws the loss of the worker whose device no longer answers: `said` may come from another, which read
  /// what the lost one held.
  [[noreturn]] void throw_lost(const StagePlacement& placement, const WorkerLost& said) const;
  bool is_here(const StagePlacement& placement, size_t k) const {
    return placement.on_side || threads_[placement.workers[k]].is_current();
  }

  const WorkerThreads& threads_;
  const WorkerHooks& hooks_;
};

}  // namespace relievo
