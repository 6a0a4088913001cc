// The executor: carries a plan out with real threads.
//
// Device groups take jobs from one source. In a group pictures pass from station to station, each a thread
// with some of the stages, or several side threads with a picture each; a batch or two wait between them. A
// group of one worker, or of workers that share each picture, has one station, or three where the processor's
// stages run on side threads; a pipeline has one on each worker. Each stage has its own fallbacks for when
// memory runs out (docs/architecture.md, decision 2). A lost worker is dropped with its group; its jobs are
// made again elsewhere, from their inputs, those that need it no more go on to their end, and every job is
// delivered exactly once.
//
//   execute.h        the executor, which keeps threads and weights and runs one plan at a time
//   job_source.h     gives it jobs and takes their results
//   run.h            one run of a plan
//   job_feed.h       the source as the run's groups share it
//   group_run.h      one device group at work
//   job_batch.h      jobs that pass a station together
//   stage_runner.h   one stage on one batch, with its fallbacks when memory runs out
//   worker_calls.h   parts of a stage's call on the threads of the workers that share it
//   room.h           the threads of one worker, of which one may ask to be alone with its memory
//   weight_cache.h   which weights are in which worker, and bringing in the next ones in time
//   device_thread.h  the threads of workers, on which everything happens that they compute
#pragma once

#include <memory>
#include <vector>

#include "base/control.h"
#include "runtime/costs/cost_store.h"
#include "runtime/costs/stage.h"
#include "runtime/execute/job_source.h"
#include "runtime/machine/device_hooks.h"
#include "runtime/plan/plan.h"

namespace relievo {

struct ExecutorOptions {
  WorkerHooks hooks = {};
  std::shared_ptr<CostStore> costs = std::make_shared<CostStore>("");  ///< keeps what is learnt of batches
};

struct RunOptions {
  /// For planning again when workers are lost; allow_lossy also holds for fallbacks.
  PlanOptions plan = {};
  /// All workers as they were planned with, with measured speeds; where there are none, the executor's own.
  std::vector<Worker> planned_workers = {};
  CancelToken cancel = {};  ///< whoever cancels a run must notify its source
};

class Executor {
 public:
  Executor(const std::vector<Worker>& workers, std::vector<std::shared_ptr<Stage>> stages,
           ExecutorOptions options = {});
  ~Executor();  ///< unloads all weights
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Makes the jobs that the source gives, until it has no more. Never throws for a job: a failed one has its
  /// error (out_of_memory after the last fallback, device_lost when no worker is left, cancelled, or its
  /// own). A plan for workers of which some are lost is made again for the others. Throws, when no group
  /// works any more, if the executor itself ran out of memory, if the source threw, or if no worker was left
  /// before any job was given. Jobs that the source was not yet asked for when the last worker was lost stay
  /// with it. One run at a time.
  void run(const Plan& plan, JobSource& source, const RunOptions& options);

  /// The workers that were lost since the executor began; they are not used again.
  std::vector<int> lost_workers() const;

  /// The number of stages whose weights are in a worker now.
  int loaded() const;

  /// Sets the budgets of these workers, those of the executor, to what they are at the moment.
  void look_at_memory(std::vector<Worker>& workers) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace relievo
