// One run of a plan: its groups at work, and planning again when workers are lost or a stage has no room.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
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

  /// The workers as they were planned with; they do not change while groups run.
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
  /// A plan, and the workers with the budgets that it was made for.
  struct Replan {
    Plan plan = {};
    std::vector<Worker> workers;
  };

  bool uses_lost_workers() const;
  std::vector<int> alive() const;  ///< the workers that are not lost
  /// Plans for the memory that they have now. Stages need more than was estimated where they had no room.
  Replan find_another(const PlanOptions& wanted) const;
  void follow(Replan another);
  /// Looks for a plan without loss for a stage that had no room where it is placed; with one, nobody gets
  /// jobs until all groups have ended, and then it is followed.
  bool seek(const StagePlacement& placement);
  bool follow_next();
  /// Makes a whole plan for the workers that are left. Returns false when there is none; the jobs that were
  /// begun have then failed.
  bool plan_again();
  void give_up(const Error& error);
  void describe_plan();
  void run_groups();

  std::vector<Worker> workers_;
  std::vector<StageProfile> profiles_;
  std::mutex seeking_;
  std::optional<Replan> next_;  // guarded by seeking_
  int sought_ = 0;              // how often
};

}  // namespace relievo
