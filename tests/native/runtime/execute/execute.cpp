#include "runtime/execute/execute.h"

#include "../../expect_error.h"
#include "executor_test.h"

namespace relievo {
namespace {

TEST_F(ExecutorTest, EveryStrategyMakesTheSame) {
  add_stage(40, 5, 8);
  add_stage(30, 5);
  profiles_[0].parts = {{.kind = PartKind::kHalves, .count = 2}};
  for (const Strategy strategy : {Strategy::kAuto, Strategy::kSingle, Strategy::kData, Strategy::kStage,
                                  Strategy::kSplit, Strategy::kGuidance, Strategy::kOffload}) {
    RunOptions options;
    options.plan = with(strategy);
    expect_all_made(run(workers({100, 100}), 23, options));
    EXPECT_LE(memory_->peak("worker0"), 100);
    EXPECT_EQ(memory_->used("worker0"), 0);
    EXPECT_EQ(memory_->used("worker1"), 0);
  }
}

TEST_F(ExecutorTest, AModelLargerThanAnyWorkerRunsSplit) {
  add_stage(160, 5, 16);
  expect_all_made(run(workers({100, 100}), 5));
  EXPECT_THAT(kinds_, testing::ElementsAre(GroupKind::kShardedLayers));
  EXPECT_GT(memory_->peak("worker0"), 60);
  EXPECT_GT(memory_->peak("worker1"), 60);
}

TEST_F(ExecutorTest, TheFasterWorkerMakesMore) {
  add_stage(10, 5);
  // The slow one has not made its first picture before the fast one has made more than its half.
  std::atomic<int> fast = 0, slow = 0;
  stages_[0]->on_run = [&](const StageCall& call, const std::vector<int>& pictures) {
    const bool is_fast = call.workers[0].name == "worker0";
    (is_fast ? fast : slow) += int(pictures.size());
    EXPECT_TRUE(comes_true([&] { return is_fast ? slow > 0 : fast > 20; })) << (is_fast ? "fast" : "slow");
  };
  RunOptions options;
  options.plan = with(Strategy::kData);
  expect_all_made(run(workers({15, 15}), 32, options));
  EXPECT_EQ(fast + slow, 32);
}

TEST_F(ExecutorTest, APipelineOverlapsPictures) {
  add_stage(60, 5);
  add_stage(60, 5);
  std::atomic<int> begun = 0;
  stages_[0]->on_run = [&](const StageCall&, const std::vector<int>&) { ++begun; };
  stages_[1]->on_run = [&](const StageCall&, const std::vector<int>&) {
    if (stages_[1]->runs == 1) {
      EXPECT_TRUE(comes_true([&] { return begun >= 2; })) << "the second batch waits";
    }
  };
  RunOptions options;
  options.plan = with(Strategy::kStage);
  expect_all_made(run(workers({100, 100}), 12, options));
  EXPECT_THAT(kinds_, testing::ElementsAre(GroupKind::kPipeline));
  EXPECT_GT(begun, 1);
}

/// Runs only once `before` returns, and then asks for its workspace.
class LateStage : public StandIn {
 public:
  using StandIn::StandIn;
  std::function<void()> before;
  std::vector<std::any> run(const StageCall& call, std::span<const std::any> inputs) override {
    before();
    return StandIn::run(call, inputs);
  }
};

TEST_F(ExecutorTest, WeightsComeInWhileTheStageBeforeRuns) {
  add_stage(50, 5);
  add_stage(60, 5);
  stages_[0]->on_run = [&](const StageCall&, const std::vector<int>&) {
    const int runs = stages_[0]->runs;
    EXPECT_TRUE(comes_true([&] { return stages_[1]->loads == runs; }));
  };
  RunOptions options;
  options.plan = with(Strategy::kOffload);
  expect_all_made(run(workers({120}), 9, options));
  EXPECT_EQ(stages_[1]->loads, stages_[1]->runs);
  EXPECT_LE(memory_->peak("worker0"), 120);
  EXPECT_EQ(memory_->used("worker0"), 0);
}

TEST_F(ExecutorTest, WeightsThatCameTooEarlyGoBack) {
  add_stage(20, 60);
  add_stage(50, 5);
  const auto late = std::make_shared<LateStage>(profiles_[0], 1, memory_);
  late->before = [&] { EXPECT_TRUE(comes_true([&] { return stages_[1]->loads > 0; })); };
  stages_[0] = late;
  auto where = workers({100});
  Plan made = find_plan(where, profiles_, with(Strategy::kOffload));
  made.groups[0].stages[0].resident = made.groups[0].stages[1].resident = false;
  made.groups[0].stages[1].ahead = true;  // it does not fit: the costs were wrong
  Executor executor(where, stages(), {});
  const auto outcomes = run(executor, made, 1);
  expect_all_made(outcomes);
  EXPECT_TRUE(outcomes[0].notes.empty()) << outcomes[0].notes[0];
  EXPECT_EQ(stages_[1]->loads, 2);
  EXPECT_EQ(memory_->used("worker0"), 0);
}

TEST_F(ExecutorTest, AGroupThatThrowsEndsTheOthers) {
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage}) {
    for (int bad = 0; bad < 8; ++bad) {
      stages_.clear();
      profiles_.clear();
      add_stage(60, 5);
      add_stage(60, 5);
      RunOptions options;
      options.plan = with(strategy);
      on_done_ = [&](int picture, const Outcome&) {
        if (picture == bad) throw std::bad_alloc();
      };
      const auto where = workers({200, 200});
      options.plan.pictures = 8;
      {
        Executor executor(where, stages(), {});
        const Plan made = find_plan(where, profiles_, options.plan);
        EXPECT_THROW(run(executor, made, 8, options), std::bad_alloc);
        on_done_ = {};
        EXPECT_EQ(run(executor, made, 8, options).size(), 8U);
      }
      EXPECT_EQ(memory_->used("worker0") + memory_->used("worker1"), 0);
    }
  }
}

TEST_F(ExecutorTest, OneBadPictureDoesNotHarmItsBatch) {
  add_stage(20, 5);
  add_stage(20, 5);
  stages_[1]->on_run = [](const StageCall&, const std::vector<int>& pictures) {
    if (std::ranges::find(pictures, 6) != pictures.end()) {
      throw Error(ErrorCode::kEmptySurface, "nothing there");
    }
  };
  auto outcomes = run(workers({100}), 10);
  ASSERT_TRUE(outcomes[6].error);
  EXPECT_EQ(outcomes[6].error->code(), ErrorCode::kEmptySurface);
  outcomes.resize(6);
  expect_all_made(outcomes);
}

TEST_F(ExecutorTest, CancelStopsAtTheNextStep) {
  add_stage(20, 5);
  RunOptions options;
  std::atomic<int> after = 0, inside = 0;
  stages_[0]->on_run = [&](const StageCall&, const std::vector<int>& pictures) {
    if (options.cancel.cancelled()) ++after;
    if (pictures[0] >= 8) {
      ++inside;
      EXPECT_TRUE(comes_true([&] { return inside == 2; })) << "neither worker is just about to begin";
      options.cancel.cancel();
    }
    options.cancel.check();
  };
  const auto outcomes = run(workers({100, 100}), 100, options);
  EXPECT_EQ(after, 0);
  int cancelled = left_;
  for (const Outcome& outcome : outcomes) {
    if (outcome.error) {
      EXPECT_EQ(outcome.error->code(), ErrorCode::kCancelled);
      ++cancelled;
    }
  }
  EXPECT_GT(cancelled, 50);
  EXPECT_EQ(memory_->used("worker0"), 0);
}

TEST_F(ExecutorTest, CancelAtEveryLoadAndCallEndsTheRun) {
  add_stage(20, 5);
  add_stage(20, 5);
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage}) {
    int ticks = 0;  // of a run that nobody cancels
    for (int stop_at = 0; stop_at <= ticks; ++stop_at) {
      std::atomic<int> tick = 0;
      RunOptions options;
      options.plan = with(strategy);
      const auto count = [&] {
        if (++tick == stop_at) options.cancel.cancel();
      };
      for (const auto& stage : stages_) {
        stage->on_load = count;
        stage->on_run = [&](const StageCall&, const std::vector<int>&) { count(); };
      }
      for (const Outcome& outcome : run(workers({100, 100}), 8, options)) {
        EXPECT_TRUE(!outcome.error || outcome.error->code() == ErrorCode::kCancelled);
      }
      EXPECT_EQ(memory_->used("worker0") + memory_->used("worker1"), 0);
      if (stop_at == 0) ticks = tick;
    }
    EXPECT_GT(ticks, 5);
  }
}

TEST_F(ExecutorTest, AnyFailedAllocationIsRecoveredFrom) {
  add_stage(20, 5, 4);
  add_stage(20, 5, 4);
  for (const Strategy strategy :
       {Strategy::kSingle, Strategy::kStage, Strategy::kSplit, Strategy::kOffload}) {
    RunOptions options;
    options.plan = with(strategy);
    memory_->fail_at(0);
    expect_all_made(run(workers({100, 100}), 6, options));
    const int allocations = memory_->allocations();
    ASSERT_GT(allocations, 3);
    for (int n = 1; n <= allocations; ++n) {
      memory_->fail_at(n);
      expect_all_made(run(workers({100, 100}), 6, options));
      EXPECT_EQ(memory_->used("worker0") + memory_->used("worker1"), 0) << n;
    }
  }
}

TEST_F(ExecutorTest, WeightsStayBetweenRunsAndGoWithTheExecutor) {
  add_stage(20, 5);
  const auto where = workers({100});
  const Plan made = find_plan(where, profiles_, {});
  for (int executors = 1; executors <= 2; ++executors) {
    {
      Executor executor(where, stages(), {});
      EXPECT_EQ(executor.loaded(), 0);
      expect_all_made(run(executor, made, 1));
      expect_all_made(run(executor, made, 1));
      EXPECT_EQ(executor.loaded(), 1);
    }
    EXPECT_EQ(stages_[0]->loads, executors);
    EXPECT_EQ(memory_->used("worker0"), 0);
  }
}

TEST_F(ExecutorTest, EveryStageTellsItsPeakAndWhatTheAllocatorKeepsUnused) {
  add_stage(20, 5);
  ExecutorOptions executor_options;
  executor_options.hooks.take_peak = [&](const Worker& worker) { return memory_->take_peak(worker.name); };
  executor_options.hooks.fragmentation = [](const Worker&) { return 0.25; };
  const auto outcomes = run(workers({100}), 1, RunOptions(), executor_options);
  EXPECT_EQ(outcomes[0].stages[0].peak_bytes, 25);
  EXPECT_EQ(outcomes[0].stages[0].fragmentation, 0.25);
}

TEST_F(ExecutorTest, WeightsOfAStageThatFailsGoWhenTheyWereToGo) {
  add_stage(60, 5);
  add_stage(60, 5);
  stages_[0]->on_run = [](const StageCall&, const std::vector<int>&) {
    throw Error(ErrorCode::kEmptySurface, "nothing there");
  };
  const auto where = workers({100});
  Executor executor(where, stages(), {});
  const Plan made = find_plan(where, profiles_, with(Strategy::kOffload));
  EXPECT_TRUE(run(executor, made, 1)[0].error);
  EXPECT_EQ(stages_[0]->loads, 1);
  for (const StagePlacement& placement : made.groups[0].stages) {
    if (placement.stage == 0) {
      EXPECT_EQ(executor.loaded(), placement.resident ? 1 : 0);
    }
  }
  EXPECT_FALSE(made.groups[0].stages[0].resident) << "nothing was tried";
}

/// Gives its second job only once the first one is at work, and then says so.
class LateJobs : public JobSource {
 public:
  std::vector<RunJob> next(int) override {
    if (given == 1) ++refused;
    if (given == 2 || (given == 1 && !may_come)) return {};
    return {{uint64_t(given++), 0}};
  }
  void done(uint64_t, Outcome outcome) override { made += outcome.error ? 0 : 1; }

  std::atomic<int> given = 0, made = 0, refused = 0;
  std::atomic<bool> may_come = false;
};

TEST_F(ExecutorTest, AGroupThatWaitsAsksAgainWhenItIsNotified) {
  add_stage(20, 5);
  LateJobs jobs;
  stages_[0]->on_run = [&](const StageCall&, const std::vector<int>&) {
    if (stages_[0]->runs > 1) return;
    EXPECT_TRUE(comes_true([&] { return jobs.refused > 0; })) << "the other group has not asked";
    jobs.may_come = true;
    jobs.notify();
    EXPECT_TRUE(comes_true([&] { return stages_[0]->runs == 2; })) << "the other group has not begun";
  };
  const auto where = workers({100, 100});
  Executor executor(where, stages(), {});
  PlanOptions wanted = with(Strategy::kData);
  wanted.pictures = 2;
  executor.run(find_plan(where, profiles_, wanted), jobs, RunOptions());
  EXPECT_EQ(jobs.made, 2);
}

}  // namespace
}  // namespace relievo
