#include "runtime/executor.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stand_in.h"

namespace relievo {
namespace {

using std::chrono::milliseconds;

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
  static std::vector<Slot> slots(std::vector<int64_t> budgets) {
    std::vector<Slot> slots(budgets.size());
    for (size_t i = 0; i < budgets.size(); ++i) {
      slots[i].name = "slot" + std::to_string(i);
      slots[i].budget_bytes = budgets[i];
    }
    return slots;
  }
  std::vector<std::shared_ptr<Stage>> stages() const { return {stages_.begin(), stages_.end()}; }
  static std::vector<std::any> inputs(int count) {
    std::vector<std::any> inputs;
    for (int i = 0; i < count; ++i) inputs.emplace_back(1000 * i);
    return inputs;
  }
  void expect_all_made(const std::vector<Outcome>& outcomes) const {
    for (size_t i = 0; i < outcomes.size(); ++i) {
      ASSERT_FALSE(outcomes[i].error) << i << ": " << outcomes[i].error->what();
      EXPECT_EQ(std::any_cast<int>(outcomes[i].value), int(i) * 1000 + sum_);
    }
  }
  std::vector<Outcome> run(const std::vector<Slot>& where, int pictures, RunOptions options = {},
                           ExecutorOptions executor_options = {}) {
    options.plan.pictures = pictures;
    const Plan made = plan(where, profiles_, options.plan);
    kinds_.clear();
    for (const Lane& lane : made.lanes) kinds_.push_back(lane.kind);
    Executor executor(where, stages(), std::move(executor_options));
    auto outcomes = executor.run(made, inputs(pictures), options);
    lost_ = executor.lost_slots();
    EXPECT_EQ(outcomes.size(), size_t(pictures));
    return outcomes;
  }
  static PlanOptions with(Strategy strategy) {
    PlanOptions options;
    options.strategy = strategy;
    return options;
  }

  std::shared_ptr<ImaginaryMemory> memory_ = std::make_shared<ImaginaryMemory>();
  std::vector<std::shared_ptr<StandIn>> stages_;
  std::vector<StageProfile> profiles_;
  std::vector<LaneKind> kinds_;
  std::vector<int> lost_;
  int sum_ = 0;
};

TEST_F(ExecutorTest, EveryStrategyMakesTheSame) {
  add_stage(40, 5, 8);
  add_stage(30, 5);
  profiles_[0].guidance_halves = true;
  for (const Strategy strategy : {Strategy::kAuto, Strategy::kSingle, Strategy::kData, Strategy::kStage,
                                  Strategy::kSplit, Strategy::kGuidance, Strategy::kOffload}) {
    RunOptions options;
    options.plan = with(strategy);
    expect_all_made(run(slots({100, 100}), 23, options));
    EXPECT_LE(memory_->peak("slot0"), 100);
    EXPECT_EQ(memory_->used("slot0"), 0);
    EXPECT_EQ(memory_->used("slot1"), 0);
  }
}

TEST_F(ExecutorTest, AModelLargerThanAnySlotRunsSplit) {
  add_stage(160, 5, 16);
  expect_all_made(run(slots({100, 100}), 5));
  EXPECT_THAT(kinds_, testing::ElementsAre(LaneKind::kLayerSplit));
  EXPECT_GT(memory_->peak("slot0"), 60);
  EXPECT_GT(memory_->peak("slot1"), 60);
}

TEST_F(ExecutorTest, TheFasterSlotMakesMore) {
  add_stage(10, 5);
  std::atomic<int> fast = 0, slow = 0;
  stages_[0]->on_run = [&](const StageCall& call) {
    const bool is_fast = call.slots[0].name == "slot0";
    (is_fast ? fast : slow) += int(call.pictures.size());
    std::this_thread::sleep_for(milliseconds(is_fast ? 5 : 40) * int(call.pictures.size()));
  };
  RunOptions options;
  options.plan = with(Strategy::kData);
  expect_all_made(run(slots({15, 15}), 32, options));
  EXPECT_GT(fast, 2 * slow);
  EXPECT_GT(slow, 0);
}

TEST_F(ExecutorTest, APipelineOverlapsPictures) {
  add_stage(60, 5);
  add_stage(60, 5);
  std::atomic<int> inside = 0, most = 0;
  for (const auto& stage : stages_) {
    stage->on_run = [&](const StageCall&) {
      const int now = ++inside;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::sleep_for(milliseconds(20));
      --inside;
    };
  }
  RunOptions options;
  options.plan = with(Strategy::kStage);
  expect_all_made(run(slots({100, 100}), 12, options));
  EXPECT_THAT(kinds_, testing::ElementsAre(LaneKind::kPipeline));
  EXPECT_EQ(most, 2);
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

bool comes_true(const std::function<bool()>& condition) {
  for (int i = 0; i < 10'000 && !condition(); ++i) std::this_thread::sleep_for(milliseconds(1));
  return condition();
}

TEST_F(ExecutorTest, WeightsComeInWhileTheStageBeforeRuns) {
  add_stage(50, 5);
  add_stage(60, 5);
  stages_[0]->on_run = [&](const StageCall&) {
    const int runs = stages_[0]->runs;
    EXPECT_TRUE(comes_true([&] { return stages_[1]->loads == runs; }));
  };
  RunOptions options;
  options.plan = with(Strategy::kOffload);
  expect_all_made(run(slots({120}), 9, options));
  EXPECT_EQ(stages_[1]->loads, stages_[1]->runs);
  EXPECT_LE(memory_->peak("slot0"), 120);
  EXPECT_EQ(memory_->used("slot0"), 0);
}

TEST_F(ExecutorTest, WeightsThatCameTooEarlyGoBack) {
  add_stage(20, 60);
  add_stage(50, 5);
  const auto late = std::make_shared<LateStage>(profiles_[0], 1, memory_);
  late->before = [&] { EXPECT_TRUE(comes_true([&] { return stages_[1]->loads > 0; })); };
  stages_[0] = late;
  auto where = slots({100});
  Plan made = plan(where, profiles_, with(Strategy::kOffload));
  made.lanes[0].stages[0].resident = made.lanes[0].stages[1].resident = false;
  made.lanes[0].stages[1].ahead = true;  // it does not fit: the costs were wrong
  Executor executor(where, stages(), {});
  const auto outcomes = executor.run(made, inputs(1));
  expect_all_made(outcomes);
  EXPECT_TRUE(outcomes[0].notes.empty()) << outcomes[0].notes[0];
  EXPECT_EQ(stages_[1]->loads, 2);
  EXPECT_EQ(memory_->used("slot0"), 0);
}

TEST_F(ExecutorTest, ALostSlotsPicturesAreMadeElsewhereExactlyOnce) {
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage, Strategy::kSplit}) {
    for (size_t dying = 0; dying < 2; ++dying) {
      stages_.clear();
      profiles_.clear();
      sum_ = 0;
      add_stage(20, 5, 4);
      add_stage(20, 5, 4);
      std::atomic<int> calls = 0;
      stages_[dying]->on_run = [&](const StageCall& call) {
        std::this_thread::sleep_for(milliseconds(1));
        const bool here =
            std::ranges::any_of(call.slots, [](const Slot& slot) { return slot.name == "slot1"; });
        if (!here || ++calls < 3) return;
        const auto die = [] { throw Error(ErrorCode::kDeviceLost, "fell off the bus"); };
        for (size_t k = 0; k < call.slots.size(); ++k) {
          if (call.slots[k].name == "slot1") call.on_slot(k, die);
        }
      };
      std::map<int, int> delivered;
      RunOptions options;
      options.plan = with(strategy);
      options.on_done = [&](int picture, const Outcome&) { ++delivered[picture]; };
      expect_all_made(run(slots({100, 100}), 40, options));
      EXPECT_EQ(delivered.size(), 40U);
      for (const auto& [picture, times] : delivered) EXPECT_EQ(times, 1) << picture;
      // A stage of a pipeline that never runs on slot1 does not lose it.
      if (calls >= 3) {
        EXPECT_THAT(lost_, testing::ElementsAre(1));
      }
    }
  }
}

TEST_F(ExecutorTest, WithoutSlotsTheRestFails) {
  add_stage(20, 5);
  stages_[0]->on_run = [](const StageCall& call) {
    if (call.pictures[0] >= 4) throw Error(ErrorCode::kDeviceLost, "gone");
  };
  const auto outcomes = run(slots({100, 100}), 10);
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

TEST_F(ExecutorTest, WhatIsStillToComeFailsWithoutSlots) {
  add_stage(20, 5);
  stages_[0]->on_run = [](const StageCall&) { throw Error(ErrorCode::kDeviceLost, "gone"); };
  const auto where = slots({100});
  Executor executor(where, stages(), {});
  const Plan made = plan(where, profiles_, {});
  for (int run = 0; run < 2; ++run) {  // the second has no slot from the start
    int left = 3, failed = 0;
    RunOptions options;
    options.more = [&](int most) {
      std::vector<std::any> more;
      for (; left > 0 && int(more.size()) < most; --left) more.emplace_back(0);
      return more;
    };
    options.on_done = [&](int, const Outcome& outcome) {
      ASSERT_TRUE(outcome.error);
      EXPECT_EQ(outcome.error->code(), ErrorCode::kDeviceLost);
      ++failed;
    };
    executor.run(made, {}, options);
    EXPECT_EQ(left, 0);
    EXPECT_EQ(failed, 3);
  }
}

TEST_F(ExecutorTest, ASlotThatCannotBeEnteredIsLost) {
  add_stage(20, 5);
  ExecutorOptions executor_options;
  executor_options.hooks.enter = [](const Slot& slot) {
    if (slot.name == "slot0") throw Error(ErrorCode::kDeviceLost, "no such device");
  };
  RunOptions options;
  options.plan = with(Strategy::kData);
  expect_all_made(run(slots({100, 100}), 4, options, executor_options));
  EXPECT_THAT(lost_, testing::ElementsAre(0));
}

/// The others would wait for its pictures without end.
TEST_F(ExecutorTest, ALaneThatThrowsEndsTheOthers) {
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage}) {
    for (int bad = 0; bad < 8; ++bad) {
      stages_.clear();
      profiles_.clear();
      add_stage(60, 5);
      add_stage(60, 5);
      for (const auto& stage : stages_) {
        stage->on_run = [](const StageCall&) { std::this_thread::sleep_for(milliseconds(2)); };
      }
      RunOptions options;
      options.plan = with(strategy);
      options.on_done = [&](int picture, const Outcome&) {
        if (picture == bad) throw std::bad_alloc();
      };
      const auto where = slots({200, 200});
      options.plan.pictures = 8;
      Executor executor(where, stages(), {});
      EXPECT_THROW(executor.run(plan(where, profiles_, options.plan), inputs(8), options), std::bad_alloc);
      options.on_done = {};
      EXPECT_EQ(executor.run(plan(where, profiles_, options.plan), inputs(8), options).size(), 8U);
      executor.unload();
      EXPECT_EQ(memory_->used("slot0") + memory_->used("slot1"), 0);
    }
  }
}

TEST_F(ExecutorTest, OneBadPictureDoesNotHarmItsBatch) {
  add_stage(20, 5);
  add_stage(20, 5);
  stages_[1]->on_run = [](const StageCall& call) {
    if (std::ranges::find(call.pictures, 6) != call.pictures.end()) {
      throw Error(ErrorCode::kEmptySurface, "nothing there");
    }
  };
  auto outcomes = run(slots({100}), 10);
  ASSERT_TRUE(outcomes[6].error);
  EXPECT_EQ(outcomes[6].error->code(), ErrorCode::kEmptySurface);
  outcomes.resize(6);
  expect_all_made(outcomes);
}

TEST_F(ExecutorTest, CancelStopsAtTheNextStep) {
  add_stage(20, 5);
  RunOptions options;
  std::atomic<int> after = 0, inside = 0;
  stages_[0]->on_run = [&](const StageCall& call) {
    if (options.control.cancel.cancelled()) ++after;
    if (call.pictures[0] >= 8) {
      ++inside;
      EXPECT_TRUE(comes_true([&] { return inside == 2; })) << "neither slot is just about to begin";
      options.control.cancel.cancel();
    }
    call.control.cancel.check();
  };
  const auto outcomes = run(slots({100, 100}), 100, options);
  EXPECT_EQ(after, 0);
  int cancelled = 0;
  for (const Outcome& outcome : outcomes) {
    if (outcome.error) {
      EXPECT_EQ(outcome.error->code(), ErrorCode::kCancelled);
      ++cancelled;
    }
  }
  EXPECT_GT(cancelled, 50);
  EXPECT_EQ(memory_->used("slot0"), 0);
}

TEST_F(ExecutorTest, CancelAtEveryProgressTickEndsTheRun) {
  add_stage(20, 5);
  add_stage(20, 5);
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage}) {
    for (int stop_at = 1; stop_at < 40; ++stop_at) {
      std::atomic<int> tick = 0;
      RunOptions options;
      options.plan = with(strategy);
      const CancelToken cancel = options.control.cancel;
      options.control.progress = Progress([&](double) {
        if (++tick == stop_at) cancel.cancel();
      });
      for (const Outcome& outcome : run(slots({100, 100}), 8, options)) {
        EXPECT_TRUE(!outcome.error || outcome.error->code() == ErrorCode::kCancelled);
      }
      EXPECT_EQ(memory_->used("slot0") + memory_->used("slot1"), 0);
    }
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
    expect_all_made(run(slots({100, 100}), 6, options));
    const int allocations = memory_->allocations();
    ASSERT_GT(allocations, 3);
    for (int n = 1; n <= allocations; ++n) {
      memory_->fail_at(n);
      expect_all_made(run(slots({100, 100}), 6, options));
      EXPECT_EQ(memory_->used("slot0") + memory_->used("slot1"), 0) << n;
    }
  }
}

StageProfile ladder_profile(const std::vector<std::pair<Rung, int64_t>>& rungs) {
  StageProfile profile;
  profile.name = "ladder";
  profile.max_batch = 4;
  for (const auto& [rung, bytes] : rungs) {
    StageMode mode;
    mode.rung = rung;
    mode.workspace_bytes_per_picture = double(bytes);
    mode.seconds = 1;  // so that batches pay
    mode.seconds_per_picture = 1;
    if (rung >= Rung::kHalf) mode.precision = "bf16";
    profile.modes.push_back(mode);
  }
  return profile;
}

/// Plans with costs that promise too little memory, so that the ladder has to help.
class LadderTest : public ExecutorTest {
 protected:
  std::vector<Outcome> run_misled(int64_t budget, RunOptions options = {}) {
    std::vector<StageProfile> hopeful = profiles_;
    for (StageProfile& profile : hopeful) {
      for (StageMode& mode : profile.modes) mode.workspace_bytes_per_picture = 1;
    }
    options.plan.pictures = 8;
    const auto where = slots({budget});
    const Plan made = plan(where, hopeful, options.plan);
    ExecutorOptions executor_options;
    executor_options.limits = limits_;
    Executor executor(where, stages(), executor_options);
    return executor.run(made, inputs(8), options);
  }

  std::shared_ptr<LearnedLimits> limits_ = std::make_shared<LearnedLimits>();
};

TEST_F(LadderTest, SmallerBatchesComeFirstAndAreRemembered) {
  add_stage(ladder_profile({{Rung::kFull, 40}, {Rung::kChunks, 10}}));
  const auto outcomes = run_misled(100);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[0].stages[0].batch, 2);
  EXPECT_EQ(outcomes[0].stages[0].rung, Rung::kFull);
  const int runs = stages_[0]->runs;
  run_misled(100);
  EXPECT_EQ(stages_[0]->runs - runs, runs - 1) << "the batch of four is not tried again";
}

TEST_F(LadderTest, ThenChunks) {
  add_stage(ladder_profile({{Rung::kFull, 140}, {Rung::kChunks, 40}}));
  const auto outcomes = run_misled(100);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[0].stages[0].rung, Rung::kChunks);
  EXPECT_FALSE(outcomes[0].lossy);
  EXPECT_THAT(outcomes[0].notes, testing::Contains(testing::HasSubstr("smaller chunks")));
}

TEST_F(LadderTest, ThenTheOtherStagesMakeRoom) {
  add_stage(60, 1);
  add_stage(ladder_profile({{Rung::kFull, 140}, {Rung::kChunks, 70}, {Rung::kTiled, 1}}));
  const auto outcomes = run_misled(100);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[0].stages.back().rung, Rung::kChunks);
  EXPECT_THAT(outcomes[0].notes, testing::Contains(testing::HasSubstr("make room")));
}

TEST_F(LadderTest, LossyRungsComeLastAndAreReported) {
  add_stage(ladder_profile(
      {{Rung::kFull, 500}, {Rung::kTiled, 300}, {Rung::kHalf, 200}, {Rung::kSmallerInput, 90}}));
  const auto outcomes = run_misled(100);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[7].stages[0].rung, Rung::kSmallerInput);
  EXPECT_TRUE(outcomes[7].lossy);
  EXPECT_THAT(outcomes[0].notes, testing::Contains(testing::HasSubstr("differs")));
}

TEST_F(LadderTest, LossyRungsCanBeForbidden) {
  add_stage(ladder_profile({{Rung::kFull, 500}, {Rung::kHalf, 50}}));
  RunOptions options;
  options.plan.allow_lossy = false;
  for (const Outcome& outcome : run_misled(100, options)) {
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code(), ErrorCode::kOutOfMemory);
    EXPECT_THAT(outcome.error->hint(), testing::HasSubstr("--no-lossy"));
  }
}

TEST_F(LadderTest, LimitsAreKeptInAFileAndForgottenWithMoreMemory) {
  const std::string path = testing::TempDir() + "/relievo_limits.json";
  std::filesystem::remove(path);
  Slot slot = slots({100})[0];
  const StageProfile stage = ladder_profile({{Rung::kFull, 30}, {Rung::kChunks, 10}});
  const StageMode &full = stage.modes[0], &chunks = stage.modes[1];
  {
    LearnedLimits learned(path);
    learned.learn(slot, stage, full, 4);
  }
  const LearnedLimits again(path);
  EXPECT_EQ(again.batch(slot, stage, full, 8), 2);
  EXPECT_EQ(again.batch(slot, stage, chunks, 8), 8);
  StageMode smaller = full;  // other settings
  smaller.workspace_bytes_per_picture = 14;
  EXPECT_EQ(again.batch(slot, stage, smaller, 8), 8);
  StageProfile other = stage;
  other.variant = "another model";
  EXPECT_EQ(again.batch(slot, other, full, 8), 8);
  slot.budget_bytes = 200;
  EXPECT_EQ(again.batch(slot, stage, full, 8), 8);

  std::string text;
  std::getline(std::ifstream(path), text, '\0');
  const size_t when = text.rfind(',') + 1;
  std::ofstream(path) << text.substr(0, when) << "1000000000]}";  // in 2001
  slot.budget_bytes = 100;
  EXPECT_EQ(LearnedLimits(path).batch(slot, stage, full, 8), 8) << "long ago";
  std::filesystem::remove(path);
}

TEST_F(ExecutorTest, WeightsStayBetweenRunsUntilUnloaded) {
  add_stage(20, 5);
  const auto where = slots({100});
  Executor executor(where, stages(), {});
  const Plan made = plan(where, profiles_, {});
  executor.run(made, inputs(1));
  executor.run(made, inputs(1));
  EXPECT_EQ(stages_[0]->loads, 1);
  EXPECT_EQ(executor.loaded(), 1);
  executor.unload();
  EXPECT_EQ(executor.loaded(), 0);
  EXPECT_EQ(memory_->used("slot0"), 0);
  expect_all_made(executor.run(made, inputs(1)));
}

TEST_F(ExecutorTest, ProgressEndsAtOne) {
  add_stage(20, 5);
  add_stage(20, 5);
  double last = 0;
  RunOptions options;
  options.control.progress = Progress([&](double fraction) { last = fraction; });
  expect_all_made(run(slots({100, 100}), 9, options));
  EXPECT_NEAR(last, 1, 1e-9);
}

}  // namespace
}  // namespace relievo
