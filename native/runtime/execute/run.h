// One run of a plan: its groups at work, and planning again when workers are lost.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/execute/device_thread.h"
#include "runtime/execute/job_feed.h"
#include "runtime/execute/stage_runner.h"
#include "runtime/execute/weight_cache.h"

namespace relievo {

/// The parts that an executor keeps between runs.
struct ExecutorParts {
  std::vector<std::shared_ptr<Stage>> stages;
  ExecutorOptions options;
  WorkerThreads threads;
  WeightCache weights;
};

class Run {
 public:
  Run(ExecutorParts& executor, Plan first_plan, JobSource& source, const RunOptions& run_options);

  /// The workers as they were planned with.
  const std::vector<Worker>& workers() const { return workers_; }
  const Worker& worker(int index) const { return workers_[size_t(index)]; }
  const std::vector<StageProfile>& profiles() const { return profiles_; }
  /// The budgets as they are now of a group's workers; those of others are 0.
  std::vector<int64_t> budgets_now(const DeviceGroup& group) const;

  /// Does the work of Executor::run().
  void carry_out();

  // The run's groups share these.
  ExecutorParts& parts;
  const RunOptions& options;
  JobFeed feed;
  StageRunner stage_runner;
  Plan plan;                               ///< does not change while groups run
  std::vector<std::string> plan_in_words;  ///< the plan's sentences, for outcomes

 private:
  bool uses_lost_workers() const;
  /// Makes a whole plan for the workers that are left. Returns false when there is none; the jobs that were
  /// begun have then failed.
  bool plan_again();
  void give_up(const Error& error);
  void describe_plan();
  void run_groups();

  std::vector<Worker> workers_;
  std::vector<StageProfile> profiles_;
};

}  // namespace relievo
