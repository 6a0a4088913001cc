// Runs one stage on a batch, and takes fallbacks when memory runs out.
#pragma once

#include <any>
#include <deque>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/execute/execute.h"
#include "runtime/execute/room.h"
#include "runtime/execute/weight_cache.h"

namespace relievo {

/// Jobs on their way through a group. Those that pass a stage together have as many stages behind them.
struct JobBatch {
  std::vector<RunJob> jobs = {};
  /// The last stage's output for each job.
  std::vector<std::any> values = {};
  std::vector<JobReport> reports = {};  ///< of each job
  double waited_s = 0;  ///< the time that the thread waited for them; the next stage reports it

  void add(RunJob job, std::any value, JobReport report);
  void note(const std::string& text);
  /// The number of the first jobs, at most so many, that have as many stages behind them.
  size_t alike(size_t most) const;
  /// Takes these jobs out, in their order.
  JobBatch take(size_t count);
};

/// Is thrown when a worker is lost, and says which. It is an Error, so code that passes errors on passes it
/// on unchanged.
struct WorkerLost : Error {
  WorkerLost(int worker_, const Error& error) : Error(error), worker(worker_) {}
  int worker;
};

/// Is thrown when a stage has no room where it is placed, and the rest is planned anew.
struct NoRoom : Error {
  using Error::Error;
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

class StageRunner {
 public:
  /// Asks whether there is another place for a stage that has no room where it is placed, without loss.
  using Seek = std::function<bool(const StagePlacement&)>;

  StageRunner(const std::vector<std::shared_ptr<Stage>>& stages, const WorkerThreads& threads,
              WeightCache& weights, const ExecutorOptions& options, const RunOptions& run, Seek seek)
      : stages_(stages),
        threads_(threads),
        weights_(weights),
        options_(options),
        run_(run),
        seek_(std::move(seek)),
        rooms_(threads.size()) {}

  /// Replaces the batch's values by the stage's outputs. Must be called on the thread of the placement's
  /// first worker, or on one of its side threads. `next` is the next placement on this thread, or null; where
  /// it says so, its weights are loaded meanwhile. `only_stage` says that there are no other weights to
  /// unload for room. Throws Error (out_of_memory after the last fallback), NoRoom and WorkerLost.
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
  WeightCache::Loading load(const StagePlacement& placement, const StageMode& mode);
  void load_ahead(Prefetch& ahead, const StagePlacement& next);
  /// Runs `body(k)` for these of the placement's workers, each on its thread, and waits.
  void on_workers(const StagePlacement& placement, const std::vector<size_t>& which,
                  const std::function<void(size_t)>& body, CallTally* tally = nullptr,
                  const std::function<void()>& on_failure = {});
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
  const Seek seek_;
  std::deque<Room> rooms_;  // by worker
};

}  // namespace relievo
