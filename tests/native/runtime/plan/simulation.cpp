#include <gtest/gtest.h>

#include "runtime/plan/describe.h"
#include "runtime/plan/simulate.h"
#include "stages.h"

namespace relievo {
namespace {

TEST(Simulation, ALostDeviceIsMadeUpForByTheOthers) {
  PlanOptions options;
  options.pictures = 100;
  const auto workers = equal_workers(4, 4000);
  const std::vector<StageProfile> stages{stage("a", 100, 1)};
  const auto made = find_plan(workers, stages, options);
  const auto run = simulate(made, workers, stages, 100, {{}, {{2, 10.5}}});
  EXPECT_EQ(run.done, 100);
  EXPECT_EQ(run.redone, 1);
  EXPECT_EQ(run.pictures[2], 10);
  EXPECT_NEAR(run.seconds, 30, 1e-6);  // 40 done by 10 s; 60 over three
}

TEST(Simulation, AStragglerGetsFewerPictures) {
  PlanOptions options;
  options.pictures = 80;
  const auto workers = equal_workers(2, 4000);
  const std::vector<StageProfile> stages{stage("a", 100, 1)};
  const auto run = simulate(find_plan(workers, stages, options), workers, stages, 80, {{{1, 3.0}}, {}});
  EXPECT_EQ(run.pictures[0], 60);
  EXPECT_EQ(run.pictures[1], 20);
  EXPECT_NEAR(run.utilisation[1], 1, 1e-6);
}

TEST(Simulation, WhatIsLeftOfAGroupIsPlannedAgain) {
  auto shared = stage("a", 500, 2, 16);
  shared.parts = halves();
  const auto workers = equal_workers(2, 4000);
  PlanOptions options;
  options.pictures = 10;
  for (const Strategy strategy : {Strategy::kSplit, Strategy::kGuidance, Strategy::kStage}) {
    options.strategy = strategy;
    const std::vector<StageProfile> stages{shared, stage("b", 500, 1)};
    const auto made = find_plan(workers, stages, options);
    ASSERT_EQ(made.groups.size(), 1u);
    const double at = 0.45 * made.seconds;
    const auto run = simulate(made, workers, stages, 10, {{}, {{1, at}}}, options);
    EXPECT_EQ(run.done, 10) << strategy_name(strategy);
    EXPECT_EQ(run.pictures[0], 10 - run.pictures[1]);
    EXPECT_GT(run.pictures[0], 0);
    EXPECT_NEAR(run.seconds, at + 3 * run.pictures[0], 1e-6) << "each alone takes three seconds";
  }
}

TEST(Simulation, WorkersThatShareAPictureAreAsBusyAsTheirShare) {
  auto shared = stage("a", 500, 2);
  shared.parts = halves();
  const auto workers = equal_workers(2, 4000);
  const std::vector<StageProfile> stages{shared, stage("b", 500, 1)};
  PlanOptions options;
  options.strategy = Strategy::kGuidance;
  const auto run = simulate(find_plan(workers, stages, options), workers, stages, 1);
  EXPECT_NEAR(run.seconds, 2, 1e-6);  // a's two seconds halved, b's one on the first worker
  EXPECT_NEAR(run.utilisation[0], 1, 1e-6);
  EXPECT_NEAR(run.utilisation[1], 0.5, 1e-6);
}

TEST(Simulation, EndsWhenEveryDeviceIsLost) {
  const auto workers = equal_workers(1, 4000);
  const std::vector<StageProfile> stages{stage("a", 100, 1)};
  PlanOptions options;
  options.pictures = 10;
  EXPECT_EQ(simulate(find_plan(workers, stages, options), workers, stages, 10, {{}, {{0, 3.5}}}).done, 3);
}

}  // namespace
}  // namespace relievo
