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

  /// A worker as it was planned with.
  const Worker& worker(int index) const {
    const bool is_planned = options.planned_workers.size() == parts.threads.size();
    return is_planned ? options.planned_workers[size_t(index)] : parts.threads.worker(index);
  }

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
  /// All workers as they were planned with, and those that are not lost.
  std::pair<std::vector<Worker>, std::vector<int>> all_and_alive() const;
  /// The stages, which need more than was estimated where they had no room.
  std::vector<StageProfile> profiles() const;
  /// Looks for a plan without loss for a stage that had no room where it is placed; with one, nobody gets
  /// jobs until all groups have ended, and then it is followed.
  bool seek(const StagePlacement& placement);
  bool follow_next_plan();
  /// Makes a whole plan for the workers that are left. Returns false when there is none; the jobs that were
  /// begun have then failed.
  bool plan_again();
  void give_up(const Error& error);
  void describe_plan();
  void run_groups();

  std::mutex seeking_;
  std::optional<Plan> next_plan_;  // guarded by seeking_
  int sought_ = 0;                 // how often
};

}  // namespace relievo
