// Workers that are lost, or cannot be used from the beginning.
#include "../../expect_error.h"
#include "executor_test.h"

namespace relievo {
namespace {

TEST_F(ExecutorTest, ALostWorkersPicturesAreMadeElsewhereExactlyOnce) {
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage, Strategy::kSplit}) {
    int losses = 0;
    for (size_t dying = 0; dying < 2; ++dying) {
      stages_.clear();
      profiles_.clear();
      sum_ = 0;
      add_stage(20, 5, 4);
      add_stage(20, 5, 4);
      std::atomic<int> calls = 0;
      stages_[dying]->on_run = [&](const StageCall& call, const std::vector<int>&) {
        const bool here =
            std::ranges::any_of(call.workers, [](const Worker& worker) { return worker.name == "worker1"; });
        if (!here && strategy == Strategy::kData) {  // leaves the other some
          EXPECT_TRUE(comes_true([&] { return calls >= 3; }));
        }
        if (!here || ++calls < 3) return;
        const auto die = [] { throw Error(ErrorCode::kDeviceLost, "fell off the bus"); };
        for (size_t k = 0; k < call.workers.size(); ++k) {
          if (call.workers[k].name == "worker1") call.on_worker(k, die);
        }
      };
      std::map<int, int> delivered;
      RunOptions options;
      options.plan = with(strategy);
      on_done_ = [&](int picture, const Outcome&) { ++delivered[picture]; };
      expect_all_made(run(workers({100, 100}), 40, options));
      EXPECT_EQ(delivered.size(), 40U);
      for (const auto& [picture, times] : delivered) EXPECT_EQ(times, 1) << picture;
      losses += int(lost_.size());
      if (!lost_.empty()) {
        EXPECT_THAT(lost_, testing::ElementsAre(1));
      }
    }
    // A stage of a pipeline that never runs on worker1 does not lose it.
    EXPECT_EQ(losses, strategy == Strategy::kStage ? 1 : 2);
  }
}

TEST_F(ExecutorTest, TheRestIsPlannedWithTheSpeedsThatWereMeasured) {
  add_stage(40, 1);
  add_stage(20, 1);
  add_stage(20, 1);
  for (const bool is_last_fast : {false, true}) {
    auto where = workers({70, 70, 70});
    for (Worker& worker : where) worker.host_bytes_per_second = 1;  // offload is slow
    RunOptions options;
    options.plan = with(Strategy::kStage);
    options.planned_workers = where;
    options.planned_workers[2].speed = is_last_fast ? 4 : 0.25;
    stages_[0]->on_run = [](const StageCall& call, const std::vector<int>&) {
      if (call.workers[0].name == "worker0") throw Error(ErrorCode::kDeviceLost, "gone");
    };
    stages_[1]->on_run = [&](const StageCall& call, const std::vector<int>&) {
      EXPECT_EQ(call.workers[0].name, is_last_fast ? "worker2" : "worker1") << "the fast one has two stages";
    };
    expect_all_made(run(where, 6, options));
    EXPECT_THAT(lost_, testing::ElementsAre(0));
  }
}

TEST_F(ExecutorTest, AnOutcomeTellsThePlanThatItWasMadeByAndWhichWorkersAreIdleOrLost) {
  using testing::Contains;
  using testing::HasSubstr;
  using testing::Not;
  add_stage(20, 5, 4);
  std::atomic<int> calls = 0;
  stages_[0]->on_run = [&](const StageCall& call, const std::vector<int>&) {
    if (call.workers[0].name == "worker0" && ++calls == 3)
      throw Error(ErrorCode::kDeviceLost, "fell off the bus");
  };
  RunOptions options;
  options.plan = with(Strategy::kSingle);
  const auto outcomes = run(workers({100, 100}), 20, options);
  expect_all_made(outcomes);
  const std::vector<std::string>&first = outcomes.front().plan, &last = outcomes.back().plan;
  EXPECT_THAT(first, Contains(HasSubstr("worker0 makes whole pictures")));
  EXPECT_THAT(first, Contains(HasSubstr("worker1 is left idle")));
  EXPECT_THAT(first, Not(Contains(HasSubstr("lost"))));
  EXPECT_THAT(last, Contains(HasSubstr("worker1 makes whole pictures")));
  EXPECT_THAT(last, Contains("worker0 was lost: fell off the bus"));
  EXPECT_THAT(last, Not(Contains(HasSubstr("worker0 makes"))));
}

TEST_F(ExecutorTest, WithoutWorkersWhatWasBegunFails) {
  add_stage(20, 5);
  stages_[0]->on_run = [](const StageCall&, const std::vector<int>& pictures) {
    if (pictures[0] >= 4) throw Error(ErrorCode::kDeviceLost, "gone");
  };
  const auto outcomes = run(workers({100, 100}), 10);
  EXPECT_GT(outcomes.size(), 4U);
  int made = 0;
  for (const Outcome& outcome : outcomes) {
    if (!outcome.error) ++made;
    if (outcome.error) {
      EXPECT_EQ(outcome.error->code(), ErrorCode::kDeviceLost);
    }
  }
  EXPECT_LT(made, 10);
  EXPECT_EQ(lost_.size(), 2U);
}

TEST_F(ExecutorTest, WithoutWorkersWhatIsStillToComeStaysWithItsSource) {
  add_stage(20, 5);
  stages_[0]->on_run = [](const StageCall&, const std::vector<int>&) {
    throw Error(ErrorCode::kDeviceLost, "gone");
  };
  const auto where = workers({100});
  Executor executor(where, stages(), {});
  const Plan made = find_plan(where, profiles_, {});
  for (const bool has_worker : {true, false}) {
    int failed = 0;
    JobList jobs(inputs(3));
    jobs.on_done = [&](int, const Outcome& outcome) {
      ASSERT_TRUE(outcome.error);
      EXPECT_EQ(outcome.error->code(), ErrorCode::kDeviceLost);
      ++failed;
    };
    if (has_worker) {
      executor.run(made, jobs, RunOptions());
    } else {
      expect_error(ErrorCode::kDeviceLost, "Every device was lost",
                   [&] { executor.run(made, jobs, RunOptions()); });
    }
    EXPECT_EQ(jobs.left(), has_worker ? 2 : 3);
    EXPECT_EQ(failed, has_worker ? 1 : 0);
  }
}

TEST_F(ExecutorTest, AWorkerThatCannotBeEnteredIsLost) {
  add_stage(20, 5);
  ExecutorOptions executor_options;
  executor_options.hooks.enter = [](const Worker& worker) {
    if (worker.name == "worker0") throw Error(ErrorCode::kDeviceLost, "no such device");
  };
  RunOptions options;
  options.plan = with(Strategy::kData);
  expect_all_made(run(workers({100, 100}), 4, options, executor_options));
  EXPECT_THAT(lost_, testing::ElementsAre(0));
}

/// The others would wait for its pictures without end.
TEST_F(ExecutorTest, AWorkerWithoutMemoryToBeginIsLeftOut) {
  add_stage(100, 10);
  int entered = 0, fail_from = 1;
  ExecutorOptions options;
  options.hooks.enter = [&](const Worker&) {
    if (entered++ >= fail_from)
      throw Error(ErrorCode::kOutOfMemory, "no room for a context", "Close other programs.");
  };
  expect_all_made(run(workers({1000, 1000}), 6, {}, options));
  EXPECT_EQ(lost_, std::vector<int>{1});
  entered = fail_from = 0;
  expect_error(ErrorCode::kOutOfMemory, "no room for a context", [&] {
    Executor(workers({1000, 1000}), stages(), options);
  });
}

/// Whatever a device says when it is waited for is its own, before a stage, within it or after it: the others
/// make its pictures.
TEST_F(ExecutorTest, AWorkerThatIsLostWhileItIsWaitedForLeavesItsPicturesToTheOthers) {
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage, Strategy::kSplit}) {
    for (int n = 1;; ++n) {
      SCOPED_TRACE(std::to_string(static_cast<int>(strategy)) + " " + std::to_string(n));
      stages_.clear();
      profiles_.clear();
      sum_ = 0;
      add_stage(60, 5, 4);
      add_stage(60, 5, 4);
      std::mutex mutex;
      int waits = 0;
      std::string dead;
      ExecutorOptions executor_options;
      executor_options.hooks.finish = [&](const Worker& worker) {
        const std::lock_guard lock(mutex);
        if (++waits == n) dead = worker.name;
        if (worker.name == dead) throw Error(ErrorCode::kDeviceLost, "gone");
      };
      RunOptions options;
      options.plan = with(strategy);
      expect_all_made(run(workers({200, 200}), 3, options, executor_options));
      if (waits < n) break;
      EXPECT_EQ(lost_, std::vector<int>{dead.back() - '0'});
    }
  }
}

/// One that reads what a lost worker held hears of the loss, too, and may hear of it first.
TEST_F(ExecutorTest, OfWorkersThatShareAPictureTheOneIsDroppedWhoseDeviceNoLongerAnswers) {
  for (const std::string& dying : {std::string("worker0"), std::string("worker1")}) {
    SCOPED_TRACE(dying);
    stages_.clear();
    profiles_.clear();
    sum_ = 0;
    StageProfile shared;
    shared.name = "shared";
    StageMode mode;
    mode.seconds_per_picture = 1;
    shared.modes = {mode};
    shared.parts = {{.kind = PartKind::kHalves, .count = 2}};
    add_stage(shared);
    std::atomic<bool> is_dead = false;
    ExecutorOptions executor_options;
    executor_options.hooks.finish = [&](const Worker& worker) {
      if (is_dead && worker.name == dying) throw Error(ErrorCode::kDeviceLost, "fell off the bus");
    };
    stages_[0]->on_run = [&](const StageCall& call, const std::vector<int>&) {
      if (call.workers.size() < 2 || is_dead.exchange(true)) return;
      throw Error(ErrorCode::kDeviceLost, "an illegal memory access");  // on the thread of the first
    };
    RunOptions options;
    options.plan = with(Strategy::kGuidance);
    expect_all_made(run(workers({1000, 1000}), 3, options, executor_options));
    EXPECT_TRUE(is_dead);
    EXPECT_THAT(lost_, testing::ElementsAre(dying.back() - '0'));
  }
}

}  // namespace
}  // namespace relievo
