// The processor's stages of some pictures run while the device computes others; batches follow the memory.
#include "executor_test.h"

namespace relievo {
namespace {

constexpr int kCut = 0, kPaint = 1, kTexture = 2;

/// Three stages: cut and texture are the processor's work, paint is the device's and takes as long as both.
class OverlapTest : public ExecutorTest {
 protected:
  OverlapTest() { add_stages(); }

  void add_stages(int64_t weights = 10, int64_t per_picture = 5) {
    stages_.clear();
    profiles_.clear();
    sum_ = 0;
    add(weights, per_picture, true, 1);
    add(weights, per_picture, false, 2);
    add(weights, per_picture, true, 1);
  }
  void add(int64_t weights, int64_t per_picture, bool on_host, double seconds) {
    StageProfile profile;
    profile.name = "stage" + std::to_string(stages_.size());
    profile.on_host = on_host;
    profile.max_batch = kAnyBatch;
    StageMode mode;
    mode.weight_bytes = weights;
    mode.workspace_bytes_per_picture = double(per_picture);
    (on_host ? mode.host_seconds_per_picture : mode.seconds_per_picture) = seconds;
    profile.modes = {mode};
    add_stage(profile);
  }

  /// One device, and so many threads of the processor beside it.
  static std::vector<Worker> card(int side_threads, int64_t budget = 1000) {
    auto workers = ExecutorTest::workers({budget});
    workers[0].side_threads = side_threads;
    return workers;
  }
  /// Two shares of the processor, of which the first stands in for a device.
  static RunOptions in_a_pipeline() {
    RunOptions options;
    options.plan = with(Strategy::kStage);
    return options;
  }

  int runs(int stage) const { return stages_[size_t(stage)]->runs; }
  void on_run(int stage, std::function<void(const StageCall&, const std::vector<int>&)> body) {
    stages_[size_t(stage)]->on_run = std::move(body);
  }

  /// Texturing the first picture ends only when the second is being painted, and painting the first only when
  /// the second is being cut out: one after the other they would never end.
  void expect_overlap() {
    on_run(kPaint, [&](const StageCall&, const std::vector<int>& pictures) {
      if (pictures[0] > 0) return;
      EXPECT_TRUE(comes_true([&] { return runs(kCut) >= 2; })) << "nothing is cut out meanwhile";
    });
    on_run(kTexture, [&](const StageCall&, const std::vector<int>& pictures) {
      if (pictures[0] > 0) return;
      EXPECT_TRUE(comes_true([&] { return runs(kPaint) >= 2; })) << "nothing is painted meanwhile";
    });
  }
};

TEST_F(OverlapTest, OnSideThreadsOfOneDevice) {
  expect_overlap();
  const auto outcomes = run(card(2), 6);
  expect_all_made(outcomes);
  EXPECT_THAT(kinds_, testing::ElementsAre(GroupKind::kReplica));
  EXPECT_EQ(memory_->used("worker0"), 0);
  for (const Outcome& outcome : outcomes) {
    ASSERT_EQ(outcome.stages.size(), 3U);
    for (const int stage : {kCut, kPaint, kTexture}) {
      EXPECT_EQ(outcome.stages[size_t(stage)].on_side, stage != kPaint);
      EXPECT_EQ(outcome.stages[size_t(stage)].threads, 1);
    }
    EXPECT_THAT(outcome.plan, testing::Contains(testing::HasSubstr(
                                  "stage0, stage2 of other pictures run meanwhile on 1 thread of")));
    EXPECT_NEAR(outcome.expected_seconds, 4, 1e-6) << "of its own stages";
  }
}

TEST_F(OverlapTest, InAPipelineThatEndsWhereItBegan) {
  expect_overlap();
  const auto outcomes = run(workers({1000, 1000}), 6, in_a_pipeline());
  expect_all_made(outcomes);
  EXPECT_THAT(kinds_, testing::ElementsAre(GroupKind::kPipeline));
  std::vector<std::string> places;
  for (const StageRun& stage : outcomes[0].stages) places.push_back(stage.worker);
  EXPECT_THAT(places, testing::ElementsAre("worker1", "worker0", "worker1"));
}

TEST_F(OverlapTest, SeveralPicturesAreTexturedSideBySide) {
  add_stages();
  profiles_[kTexture].modes[0].host_seconds_per_picture = 5;  // so that three threads are worth it
  std::atomic<int> inside = 0;
  std::atomic<bool> were_two = false;
  on_run(kTexture, [&](const StageCall& call, const std::vector<int>& pictures) {
    EXPECT_EQ(pictures.size(), 1U);
    EXPECT_EQ(call.workers[0].threads, 1);
    ++inside;
    EXPECT_TRUE(comes_true([&] { return were_two = were_two || inside >= 2; }));
    --inside;
  });
  expect_all_made(run(card(4), 8));
  EXPECT_EQ(stages_[kTexture]->loads, 1) << "the threads share the weights";
}

TEST_F(OverlapTest, NoMoreThanABatchAndWhatIsAtWorkWaitsBetweenTwoStations) {
  std::atomic<int> cut = 0, painted = 0, most = 0;
  on_run(kCut, [&](const StageCall&, const std::vector<int>&) {
    // What was taken to be painted counts a moment later.
    most = std::max<int>(most, ++cut - painted);
  });
  on_run(kPaint, [&](const StageCall&, const std::vector<int>& pictures) {
    ++painted;
    if (pictures[0] >= 10) return;
    EXPECT_TRUE(comes_true([&] { return cut > pictures[0] + 1; })) << "the next is not cut out meanwhile";
  });
  expect_all_made(run(card(3), 24));
  EXPECT_LE(most, 3) << "one waits, one is being cut out, one was just taken";
}

TEST_F(OverlapTest, PicturesWithoutDeviceWorkAreMadeSideBySide) {
  stages_.clear();
  profiles_.clear();
  sum_ = 0;
  add(10, 5, true, 1);
  add(10, 5, true, 1);
  std::atomic<int> inside = 0;
  std::atomic<bool> were_two = false;
  on_run(0, [&](const StageCall&, const std::vector<int>&) {
    ++inside;
    EXPECT_TRUE(comes_true([&] { return were_two = were_two || inside >= 2; }));
    --inside;
  });
  expect_all_made(run(card(3), 9));
}

TEST_F(OverlapTest, ADeviceThatIsLostWhileTheProcessorIsBusyLosesNothing) {
  std::mutex mutex;
  std::map<int, int> cut;
  std::atomic<bool> is_lost = false;
  on_run(kCut, [&](const StageCall&, const std::vector<int>& pictures) {
    const std::lock_guard lock(mutex);
    for (const int picture : pictures) ++cut[picture];
  });
  on_run(kPaint, [&](const StageCall& call, const std::vector<int>& pictures) {
    if (call.workers[0].name != "worker0") return;
    if (pictures[0] == 0) {
      EXPECT_TRUE(comes_true([&] { return runs(kCut) >= 2; }));
      return;
    }
    EXPECT_TRUE(comes_true([&] { return runs(kTexture) >= 1; }));
    is_lost = true;
    throw Error(ErrorCode::kDeviceLost, "fell off the bus");
  });
  on_run(kTexture, [&](const StageCall&, const std::vector<int>& pictures) {
    if (pictures[0] > 0) return;
    EXPECT_TRUE(comes_true([&] { return is_lost.load(); })) << "the device is still at work";
  });
  std::map<int, int> delivered;
  on_done_ = [&](int picture, const Outcome&) { ++delivered[picture]; };
  expect_all_made(run(workers({1000, 1000}), 8, in_a_pipeline()));
  EXPECT_THAT(lost_, testing::ElementsAre(0));
  EXPECT_EQ(delivered.size(), 8U);
  for (const auto& [picture, times] : delivered) EXPECT_EQ(times, 1) << picture;
  EXPECT_EQ(cut[0], 1) << "it needed the device no more, and went on to its end";
  EXPECT_EQ(cut[1], 2) << "it was on the device";
}

TEST_F(OverlapTest, ALostDeviceLeavesWhatItsSideThreadsHadToTheOthers) {
  for (const int dying : {kCut, kPaint, kTexture}) {
    SCOPED_TRACE(dying);
    add_stages();
    std::atomic<int> calls = 0;
    on_run(dying, [&](const StageCall& call, const std::vector<int>&) {
      if (call.workers[0].name == "worker1" && ++calls >= 2) throw Error(ErrorCode::kDeviceLost, "gone");
      if (call.workers[0].name == "worker0") {  // leaves the other some
        EXPECT_TRUE(comes_true([&] { return calls >= 2; }));
      }
    });
    auto where = workers({1000, 1000});
    for (Worker& worker : where) worker.side_threads = 2;
    std::map<int, int> delivered;
    on_done_ = [&](int picture, const Outcome&) { ++delivered[picture]; };
    RunOptions options;
    options.plan = with(Strategy::kData);
    expect_all_made(run(where, 12, options));
    EXPECT_THAT(lost_, testing::ElementsAre(1));
    for (const auto& [picture, times] : delivered) EXPECT_EQ(times, 1) << picture;
  }
}

TEST_F(OverlapTest, ACancelledRunEndsInEveryStation) {
  int ticks = 0;  // of a run that nobody cancels
  for (int stop_at = 0; stop_at <= ticks; ++stop_at) {
    std::atomic<int> tick = 0;
    RunOptions options;
    const auto count = [&](const StageCall&, const std::vector<int>&) {
      if (++tick == stop_at) options.cancel.cancel();
    };
    for (const int stage : {kCut, kPaint, kTexture}) on_run(stage, count);
    for (const Outcome& outcome : run(card(2), 6, options)) {
      EXPECT_TRUE(!outcome.error || outcome.error->code() == ErrorCode::kCancelled);
    }
    EXPECT_EQ(memory_->used("worker0"), 0);
    if (stop_at == 0) ticks = tick;
  }
  EXPECT_EQ(ticks, 18);
}

TEST_F(OverlapTest, APictureThatFailsOnASideThreadDoesNotHarmTheOthers) {
  on_run(kTexture, [](const StageCall&, const std::vector<int>& pictures) {
    if (pictures[0] == 2) throw Error(ErrorCode::kEmptySurface, "nothing there");
  });
  auto outcomes = run(card(2), 6);
  ASSERT_TRUE(outcomes[2].error);
  EXPECT_EQ(outcomes[2].error->code(), ErrorCode::kEmptySurface);
  outcomes.resize(2);
  expect_all_made(outcomes);
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

TEST_F(OverlapTest, WhatRunsOutOfMemoryBesideAnotherIsMadeAlone) {
  stages_.clear();
  profiles_.clear();
  sum_ = 0;
  add(0, 1, true, 1);
  add(0, 60, false, 2);
  add(0, 60, true, 1);
  std::vector<StageProfile> hopeful = profiles_;
  for (StageProfile& profile : hopeful) profile.modes[0].workspace_bytes_per_picture = 1;
  // The second picture is painted while the first is textured, for which there is too little memory.
  std::atomic<int> tries = 0;
  std::atomic<bool> is_texturing = false;
  const auto paint = std::make_shared<LateStage>(profiles_[kPaint], 10, memory_);
  paint->before = [&] {
    const int now = ++tries;
    if (now > 2) return;
    EXPECT_TRUE(comes_true([&] { return now == 1 ? runs(kCut) >= 2 : is_texturing.load(); }));
  };
  stages_[kPaint] = paint;
  on_run(kTexture, [&](const StageCall&, const std::vector<int>& pictures) {
    if (pictures[0] > 0) return;
    is_texturing = true;
    EXPECT_TRUE(comes_true([&] { return memory_->refusals() > 0; })) << "there was room for both";
  });
  const auto where = card(2, 100);
  RunOptions options;
  options.plan.pictures = 4;
  Executor executor(where, stages(), {});
  const auto outcomes = run(executor, find_plan(where, hopeful, options.plan), 4, options);
  expect_all_made(outcomes);
  for (const Outcome& outcome : outcomes) EXPECT_TRUE(outcome.notes.empty()) << outcome.notes[0];
  EXPECT_GE(tries, 5) << "four, and one that did not fit";
  EXPECT_LE(memory_->peak("worker0"), 100);
}

TEST_F(OverlapTest, AnyFailedAllocationIsRecoveredFrom) {
  memory_->fail_at(0);
  expect_all_made(run(card(2), 5));
  const int allocations = memory_->allocations();
  ASSERT_GT(allocations, 10);
  for (int n = 1; n <= allocations; ++n) {
    memory_->fail_at(n);
    expect_all_made(run(card(2), 5));
    EXPECT_EQ(memory_->used("worker0"), 0) << n;
  }
}

/// A stage whose batches pay, on a worker whose budget changes while it runs.
class MemoryTest : public OverlapTest {
 protected:
  MemoryTest() {
    stages_.clear();
    profiles_.clear();
    sum_ = 0;
    add(10, 40, false, 1);
    StageMode& mode = profiles_[0].modes[0];
    mode.seconds = 1;
    stages_[0] = std::make_shared<StandIn>(profiles_[0], 1, memory_);
  }

  /// The batches in which so many pictures were made, by a plan for a budget of 100.
  std::vector<int> batches(int pictures, const RunOptions& given = RunOptions()) {
    const auto where = workers({1000});
    RunOptions options = given;
    options.plan.pictures = pictures;
    options.planned_workers = workers({100});
    ExecutorOptions executor_options;
    executor_options.hooks.memory = [&](const Worker& worker) {
      return MemoryNow{budget_, memory_->used(worker.name)};
    };
    std::vector<int> sizes;
    const auto before = stages_[0]->on_run;
    on_run(0, [&, before](const StageCall& call, const std::vector<int>& made) {
      sizes.push_back(int(made.size()));
      if (before) before(call, made);
    });
    Executor executor(where, stages(), executor_options);
    const Plan made = find_plan(options.planned_workers, profiles_, options.plan);
    EXPECT_EQ(made.groups[0].batch, 2) << "what fits into the budget that was planned with";
    expect_all_made(run(executor, made, pictures, options));
    return sizes;
  }

  std::atomic<int64_t> budget_ = 100;
};

TEST_F(MemoryTest, BatchesGrowWhenMemoryIsFreedAndShrinkWhenItIsTaken) {
  EXPECT_THAT(batches(6), testing::Each(2));
  int calls = 0;
  on_run(0, [&](const StageCall&, const std::vector<int>&) { budget_ = ++calls >= 2 ? 400 : 100; });
  EXPECT_THAT(batches(20), testing::ElementsAre(2, 2, 8, 8));
  EXPECT_EQ(stages_[0]->loads, 2) << "once in each executor";
  budget_ = 100;
  calls = 0;
  on_run(0, [&](const StageCall&, const std::vector<int>&) { budget_ = ++calls >= 2 ? 60 : 100; });
  EXPECT_THAT(batches(6), testing::ElementsAre(2, 2, 1, 1));
}

TEST_F(MemoryTest, ABatchThatWasTakenIsCutWhereMemoryHasGoneMeanwhile) {
  // The budget shrinks between the batch's being taken and its being run.
  stages_[0]->on_load = [&] { budget_ = 60; };
  EXPECT_THAT(batches(2), testing::ElementsAre(1, 1));
}

}  // namespace
}  // namespace relievo
