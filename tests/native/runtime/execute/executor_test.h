// An executor over stand-in stages on workers of imaginary memory.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../job_list.h"
#include "../stand_in.h"

namespace relievo {

/// Waits for what other threads do: at once where it is so, and ten seconds before it gives up.
inline bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 10'000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return condition();
}

class ExecutorTest : public testing::Test {
 protected:
  void add_stage(int64_t weights, int64_t per_picture, int blocks = 1) {
    StageProfile profile;
    profile.name = "stage" + std::to_string(stages_.size());
    profile.max_batch = 4;
    profile.blocks = blocks;
    StageMode mode;
    mode.weight_bytes = weights;
    mode.workspace_bytes_per_picture = double(per_picture);
    mode.seconds_per_picture = 1;
    profile.modes = {mode};
    add_stage(profile);
  }
  void add_stage(StageProfile profile) {
    profiles_.push_back(profile);
    int addend = 1;
    for (size_t i = 0; i < stages_.size(); ++i) addend *= 10;
    stages_.push_back(std::make_shared<StandIn>(std::move(profile), addend, memory_));
    sum_ += addend;
  }
  static std::vector<Worker> workers(std::vector<int64_t> budgets) {
    std::vector<Worker> workers(budgets.size());
    for (size_t i = 0; i < budgets.size(); ++i) {
      workers[i].name = "worker" + std::to_string(i);
      workers[i].budget_bytes = budgets[i];
    }
    return workers;
  }
  std::vector<std::shared_ptr<Stage>> stages() const { return {stages_.begin(), stages_.end()}; }
  static std::vector<std::any> inputs(int count) {
    std::vector<std::any> inputs;
    for (int i = 0; i < count; ++i) inputs.emplace_back(1000 * i);
    return inputs;
  }
  void expect_all_made(const std::vector<Outcome>& outcomes) const {
    EXPECT_EQ(left_, 0);
    for (size_t i = 0; i < outcomes.size(); ++i) {
      ASSERT_FALSE(outcomes[i].error) << i << ": " << outcomes[i].error->what();
      EXPECT_EQ(std::any_cast<int>(outcomes[i].value), int(i) * 1000 + sum_);
    }
  }
  /// The outcomes of the jobs that were asked for; left_ says how many were not.
  std::vector<Outcome> run(Executor& executor, const Plan& made, int pictures,
                           const RunOptions& options = RunOptions()) {
    JobList jobs(inputs(pictures));
    jobs.on_done = on_done_;
    executor.run(made, jobs, options);
    lost_ = executor.lost_workers();
    left_ = jobs.left();
    return jobs.outcomes();
  }
  std::vector<Outcome> run(const std::vector<Worker>& where, int pictures, RunOptions options = RunOptions(),
                           ExecutorOptions executor_options = {}) {
    options.plan.pictures = pictures;
    const Plan made = find_plan(where, profiles_, options.plan);
    kinds_.clear();
    for (const DeviceGroup& group : made.groups) kinds_.push_back(group.kind);
    Executor executor(where, stages(), std::move(executor_options));
    return run(executor, made, pictures, options);
  }
  static PlanOptions with(Strategy strategy) {
    PlanOptions options;
    options.strategy = strategy;
    return options;
  }

  std::shared_ptr<ImaginaryMemory> memory_ = std::make_shared<ImaginaryMemory>();
  std::vector<std::shared_ptr<StandIn>> stages_;
  std::vector<StageProfile> profiles_;
  std::vector<GroupKind> kinds_;
  std::vector<int> lost_;
  int left_ = 0;
  std::function<void(int job, const Outcome& outcome)> on_done_;
  int sum_ = 0;
};

}  // namespace relievo
