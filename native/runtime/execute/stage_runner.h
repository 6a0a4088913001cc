// Runs one stage on a batch, and takes fallbacks when memory runs out.
#pragma once

#include <any>
#include <deque>
#include <exception>
#include <string>
#include <vector>

#include "runtime/execute/execute.h"
#include "runtime/execute/room.h"
#include "runtime/execute/weight_cache.h"

namespace relievo {

/// What has become of a job on its way.
struct JobReport {
  std::vector<StageRun> stages = {};
  std::vector<std::string> notes = {};
  bool lossy = false;
  double expected_s = 0;  ///< what the plan says of its stages
};

/// Jobs on their way through a group.
struct JobBatch {
  std::vector<RunJob> jobs = {};
  /// The last stage's output for each job.
  std::vector<std::any> values = {};
  std::vector<JobReport> reports = {};  ///< of each job
  double waited_s = 0;  ///< the time that the thread waited for them; the next stage reports it

  void add(RunJob job, std::any value, JobReport report);
  void note(const std::string& text);
  /// Takes these jobs out, in their order.
  JobBatch take(size_t count);
};

/// Is thrown when a worker is lost, and says which. It is an Error, so code that passes errors on passes it
/// on unchanged.
struct WorkerLost : Error {
  WorkerLost(int worker_, const Error& error) : Error(error), worker(worker_) {}
  int worker;
};

/// Where the time of one call goes, by the placement's workers. Each entry belongs to its worker's thread.
struct CallTally {
  explicit CallTally(size_t workers) : busy(workers), transfers(workers) {}

  std::vector<double> busy;  ///< seconds in bodies that run on its thread
  double waited = 0;         ///< seconds for which the first worker waited for others
  std::vector<std::vector<Transfer>> transfers;

  /// The seconds of each worker in a call that took `seconds`.
  std::vector<DeviceSeconds> devices(const std::vector<std::string>& names, double seconds) const;
};

class StageRunner {
 public:
  StageRunner(const std::vector<std::shared_ptr<Stage>>& stages, const WorkerThreads& threads,
              WeightCache& weights, const ExecutorOptions& options, const RunOptions& run)
      : stages_(stages),
        threads_(threads),
        weights_(weights),
        options_(options),
        run_(run),
        rooms_(threads.size()) {}

  /// Replaces the batch's values by the stage's outputs. Must be called on the thread of the placement's
  /// first worker, or on one of its side threads. `next` is the next placement on this thread, or null; where
  /// it says so, its weights are loaded meanwhile. `only_stage` says that there are no other weights to
  /// unload for room. Throws Error (out_of_memory after the last fallback) and WorkerLost.
  void run(const StagePlacement& placement, const StagePlacement* next, JobBatch& batch, bool only_stage);

 private:
  void run_with_fallbacks(const StagePlacement& placement, const StagePlacement* next, JobBatch& batch,
                          bool only_stage);
  /// The workers of a placement as one, for which limits are learnt: it has their names and the smallest
  /// budget.
  Worker as_one(const StagePlacement& placement) const;
  /// The stage as its workers run it together.
  const StageProfile& profile_on(const StagePlacement& placement) const;
  void unload(const StagePlacement& placement);
  std::vector<std::any> call(const StagePlacement& placement, const StageMode& mode, const JobBatch& batch,
                             size_t first, size_t last, CallTally& tally);
  /// As much of a batch as has room now beside what the placement's workers hold; at least one picture.
  int fitting(const StagePlacement& placement, const StageProfile& profile, const StageMode& mode,
              int pictures) const;
  MemoryNow memory_of(const Worker& worker) const;
  WeightCache::Loading load(const StagePlacement& placement, const StageMode& mode);
  void load_ahead(Prefetch& ahead, const StagePlacement& next);
  /// Runs `body(k)` for these of the placement's workers, each on its thread, and waits.
  void on_workers(const StagePlacement& placement, const std::vector<size_t>& which,
                  const std::function<void(size_t)>& body, CallTally* tally = nullptr);
  /// The exception that is being handled, as this worker's: a device that is lost is a WorkerLost.
  std::exception_ptr current_exception_of(int worker) const;
  void on_every_worker(const StagePlacement& placement, const std::function<void(size_t)>& body);
  void make_room(const StagePlacement& placement);
  void release_cache(const Worker& worker) const;
  const Worker& worker(int index) const { return threads_.worker(index); }
  /// A worker of the placement as its stage sees it.
  Worker worker_for(const StagePlacement& placement, size_t k) const;
  bool is_here(const StagePlacement& placement, size_t k) const {
    return placement.on_side || threads_[placement.workers[k]].is_current();
  }

  const std::vector<std::shared_ptr<Stage>>& stages_;
  const WorkerThreads& threads_;
  WeightCache& weights_;
  const ExecutorOptions& options_;
  const RunOptions& run_;
  std::deque<Room> rooms_;  // by worker
};

}  // namespace relievo
