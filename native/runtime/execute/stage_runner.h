// Runs one stage on a batch, and takes fallbacks when memory runs out.
#pragma once

#include <any>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/execute/execute.h"
#include "runtime/execute/job_batch.h"
#include "runtime/execute/room.h"
#include "runtime/execute/weight_cache.h"
#include "runtime/execute/worker_calls.h"

namespace relievo {

/// Is thrown when a stage has no room where it is placed, and the rest is planned anew.
struct NoRoom : Error {
  using Error::Error;
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
        calls_(threads, options.hooks),
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
  void make_room(const StagePlacement& placement);
  void release_cache(const Worker& worker) const;
  const Worker& worker(int index) const { return threads_.worker(index); }
  /// A worker of the placement as its stage sees it.
  Worker worker_for(const StagePlacement& placement, size_t k) const;

  const std::vector<std::shared_ptr<Stage>>& stages_;
  const WorkerThreads& threads_;
  WeightCache& weights_;
  const ExecutorOptions& options_;
  const RunOptions& run_;
  const Seek seek_;
  const WorkerCalls calls_;
  std::deque<Room> rooms_;  // by worker
};

}  // namespace relievo
