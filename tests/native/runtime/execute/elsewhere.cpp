// Memory that is short on one worker is sought elsewhere, and pictures that were begun go on.
#include "executor_test.h"

namespace relievo {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// Plans with costs that promise that everything fits, and runs with those that are true.
class Elsewhere : public ExecutorTest {
 protected:
  /// Follows the plan that is made for `planned` workers of those budgets.
  std::vector<Outcome> run_misled(std::vector<int64_t> budgets, size_t planned, int pictures,
                                  RunOptions options = RunOptions()) {
    std::vector<StageProfile> hopeful = profiles_;
    for (StageProfile& profile : hopeful) {
      for (StageMode& mode : profile.modes) {
        mode.weight_bytes = std::min<int64_t>(mode.weight_bytes, 1);
        mode.workspace_bytes_per_picture = 1;
      }
    }
    const auto all = workers(budgets);
    options.plan.pictures = pictures;
    const Plan made = find_plan({all.begin(), all.begin() + std::ptrdiff_t(planned)}, hopeful, options.plan);
    Executor executor(all, stages());
    return run(executor, made, pictures, options);
  }
};

TEST_F(Elsewhere, ARoomierWorkerGoesOnWithThePicture) {
  add_stage(10, 5);
  add_stage(10, 200);
  add_stage(10, 5);
  const auto outcomes = run_misled({100, 400}, 1, 1);
  expect_all_made(outcomes);
  EXPECT_EQ(stages_[0]->runs, 1) << "what was made before is not made again";
  EXPECT_FALSE(outcomes[0].lossy);
  EXPECT_THAT(outcomes[0].notes, Contains(HasSubstr("stage1' had no room on worker0")));
  ASSERT_EQ(outcomes[0].stages.size(), 3U) << "each is reported once";
  EXPECT_EQ(outcomes[0].stages[0].worker, "worker0");
  EXPECT_EQ(outcomes[0].stages[1].worker, "worker1");
}

TEST_F(Elsewhere, LayersAreSplitOverWorkersOfWhichNoneHasRoom) {
  add_stage(10, 5);
  add_stage(160, 5, 16);
  const auto outcomes = run_misled({110, 110}, 1, 1);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[0].stages[1].worker, "worker0+worker1");
  EXPECT_EQ(stages_[0]->runs, 1);
}

TEST_F(Elsewhere, BeforeAnythingThatChangesTheResult) {
  StageProfile stage;
  stage.name = "stage";
  StageMode mode;
  mode.workspace_bytes_per_picture = 300;
  mode.seconds_per_picture = 1;
  stage.modes = {mode, mode};
  stage.modes[1].execution.precision = "bf16";
  stage.modes[1].workspace_bytes_per_picture = 50;
  add_stage(stage);
  const auto exact = run_misled({100, 400}, 1, 1);
  expect_all_made(exact);
  EXPECT_FALSE(exact[0].lossy);
  EXPECT_EQ(exact[0].stages[0].worker, "worker1");
  const auto lossy = run_misled({100, 200}, 1, 1);
  expect_all_made(lossy);
  EXPECT_TRUE(lossy[0].lossy) << "there is no room without loss";
  EXPECT_EQ(lossy[0].stages[0].worker, "worker0");
}

TEST_F(Elsewhere, StreamedWeightsAreThePlaceOfOneWorkerAlone) {
  StageProfile stage;
  stage.name = "stage";
  StageMode mode;
  mode.weight_bytes = 160;
  mode.workspace_bytes_per_picture = 10;
  mode.seconds_per_picture = 1;
  stage.modes = {mode, mode};
  stage.modes[1].execution.streamed = true;
  stage.modes[1].weight_bytes = 30;
  add_stage(stage);
  add_stage(20, 5);
  const auto outcomes = run_misled({100}, 1, 3);
  expect_all_made(outcomes);
  for (const Outcome& outcome : outcomes) {
    EXPECT_TRUE(outcome.stages[0].mode.streamed);
    EXPECT_FALSE(outcome.lossy);
  }
}

TEST_F(Elsewhere, AllOfManyPicturesAreMadeOnce) {
  add_stage(10, 5);
  add_stage(10, 200);
  add_stage(10, 5);
  for (const Strategy strategy : {Strategy::kData, Strategy::kStage}) {
    RunOptions options;
    options.plan.strategy = strategy;
    std::map<int, int> delivered;
    on_done_ = [&](int picture, const Outcome&) { ++delivered[picture]; };
    expect_all_made(run_misled({100, 900}, 2, 17, options));
    EXPECT_EQ(delivered.size(), 17U);
    for (const auto& [picture, times] : delivered) EXPECT_EQ(times, 1) << picture;
    EXPECT_EQ(memory_->used("worker0"), 0);
    EXPECT_EQ(memory_->used("worker1"), 0);
  }
}

TEST_F(Elsewhere, WhereThereIsNoPlaceThePictureSaysSo) {
  add_stage(10, 5);
  add_stage(10, 500);
  const auto outcomes = run_misled({100, 200}, 2, 5);
  for (const Outcome& outcome : outcomes) {
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code(), ErrorCode::kOutOfMemory);
    EXPECT_THAT(outcome.error->message(), HasSubstr("stage1"));
  }
}

TEST_F(Elsewhere, AWorkerThatIsLostOnTheWayThereIsMadeUpFor) {
  add_stage(10, 5);
  add_stage(10, 200);
  std::atomic<bool> is_lost = false;
  stages_[1]->on_run = [&](const StageCall& call, const std::vector<int>&) {
    if (call.workers[0].name == "worker2") {  // leaves the other one
      EXPECT_TRUE(comes_true([&] { return is_lost.load(); }));
    }
    if (call.workers[0].name != "worker1") return;
    is_lost = true;
    throw Error(ErrorCode::kDeviceLost, "fell off the bus");
  };
  const auto outcomes = run_misled({100, 400, 400}, 1, 2);
  expect_all_made(outcomes);
  EXPECT_THAT(lost_, testing::ElementsAre(1));
  EXPECT_EQ(outcomes[0].stages.back().worker, "worker2");
}

TEST_F(Elsewhere, TheNextPlanKnowsWhatHadNoRoom) {
  add_stage(10, 50);
  CostStore costs("");
  StageProfile profile = profiles_[0];
  const Worker small = workers({100})[0];
  costs.raise_to_limits(profile);
  EXPECT_EQ(profile.modes[0].workspace(1), 50) << "nothing is known";
  costs.learn_limit(small, profiles_[0], profiles_[0].modes[0], 4);
  costs.raise_to_limits(profile);
  EXPECT_EQ(profile.modes[0].workspace(1), 50) << "four did not fit, one may";
  costs.learn_limit(small, profiles_[0], profiles_[0].modes[0], 1);
  costs.raise_to_limits(profile);
  EXPECT_GT(profile.modes[0].weight_bytes + profile.modes[0].workspace(1), 100);
  EXPECT_LE(profile.modes[0].weight_bytes + profile.modes[0].workspace(1), 102);
}

}  // namespace
}  // namespace relievo
