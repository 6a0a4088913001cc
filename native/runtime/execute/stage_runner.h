// Runs one stage on a batch, and finds a way that fits when memory runs out.
#pragma once

#include <any>
#include <vector>

#include "runtime/execute/execute.h"
#include "runtime/execute/weight_cache.h"

namespace relievo {

/// Jobs on their way through a group.
struct JobBatch {
  std::vector<RunJob> jobs = {};
  std::vector<std::any> values = {};  ///< by job: what the last stage made of it
  std::vector<StageRun> reports = {};
  std::vector<std::string> notes = {};
  bool lossy = false;
};

/// Thrown when a worker is lost: which one. An Error, so that what passes errors on passes it on as it is.
struct WorkerLost : Error {
  WorkerLost(int worker_, const Error& error) : Error(error), worker(worker_) {}
  int worker;
};

class StageRunner {
 public:
  StageRunner(const std::vector<std::shared_ptr<Stage>>& stages, const WorkerThreads& threads,
              WeightCache& weights, const ExecutorOptions& options, const RunOptions& run)
      : stages_(stages), threads_(threads), weights_(weights), options_(options), run_(run) {}

  /// Replaces the batch's values by the stage's outputs. On the thread of the placement's first worker.
  /// `next`: what the group does then, or null; its weights are brought in meanwhile when it is placed so.
  /// `only_stage`: whether there are no other weights to make room with. Throws Error (out_of_memory
  /// after the last fallback) and WorkerLost.
  void run(const StagePlacement& placement, const StagePlacement* next, JobBatch& batch, bool only_stage);

 private:
  void run_with_fallbacks(const StagePlacement& placement, const StagePlacement* next, JobBatch& batch,
                          bool only_stage);
  /// The workers of a placement as one, as limits are learnt for it: their names, the smallest budget.
  Worker as_one(const StagePlacement& placement) const;
  void unload(const StagePlacement& placement);
  std::vector<std::any> call(const StagePlacement& placement, const StageMode& mode, const JobBatch& batch,
                             size_t first, size_t last);
  void load(const StagePlacement& placement, const StageMode& mode);
  void load_ahead(Prefetch& ahead, const StagePlacement& next);
  void on_workers(const StagePlacement& placement, const std::vector<size_t>& which,
                  const std::function<void(size_t)>& body);
  void on_every_worker(const StagePlacement& placement, const std::function<void(size_t)>& body);
  void make_room(const StagePlacement& placement);
  void release_cache(const Worker& worker) const;
  const Worker& worker(int index) const { return threads_.worker(index); }

  const std::vector<std::shared_ptr<Stage>>& stages_;
  const WorkerThreads& threads_;
  WeightCache& weights_;
  const ExecutorOptions& options_;
  const RunOptions& run_;
};

}  // namespace relievo
