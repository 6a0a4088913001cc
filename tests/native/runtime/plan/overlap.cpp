// Plans in which the processor's stages run while devices compute other pictures, and batches by memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/plan/plan.h"
#include "runtime/plan/simulate.h"
#include "runtime/plan/stations.h"
#include "stages.h"

namespace relievo {
namespace {

using testing::HasSubstr;

/// Cut out and textured by the processor, which takes one thread so many seconds; painted by the device.
std::vector<StageProfile> picture_stages(double cut, double paint, double texture) {
  std::vector<StageProfile> stages{stage("cut", 10, 0), stage("paint", 500, paint), stage("texture", 10, 0)};
  for (const size_t i : {0, 2}) {
    stages[i].on_host = true;
    stages[i].modes[0].host_seconds_per_picture = i == 0 ? cut : texture;
  }
  for (StageProfile& stage : stages) stage.max_batch = kAnyBatch;
  return stages;
}

/// A card with so many threads of the processor, which alone it uses one after the other or all at once.
std::vector<Worker> card(int side_threads, int threads = 1, int64_t mib = 4000) {
  auto workers = equal_workers(1, mib);
  workers[0].kind = DeviceKind::kImaginary;
  workers[0].threads = threads;
  workers[0].side_threads = side_threads;
  return workers;
}

TEST(Overlap, OneCardPaintsWhileTheProcessorCutsOutAndTextures) {
  const auto workers = card(4, 4);
  const auto stages = picture_stages(1, 2, 3);
  PlanOptions options;
  options.pictures = 100;
  const Plan made = find_plan(workers, stages, options);
  ASSERT_EQ(made.groups.size(), 1U);
  EXPECT_EQ(made.groups[0].side_threads, 2) << "as many as keep up with the card";
  EXPECT_NEAR(made.seconds, 6 + 99 * 2, 1e-6) << "the first picture, then one whenever the card has painted";
  EXPECT_NEAR(made.speed_up(), (2 + 4 / 4.0) * 100 / made.seconds, 1e-9) << "alone, it has all threads";
  EXPECT_THAT(made.reasons[0], HasSubstr("cut, texture of other pictures run meanwhile on 2 threads of"));
  EXPECT_THAT(made.limit, HasSubstr("the stages on worker0"));
  const SimulatedRun run = simulate(made, workers, stages, 100);
  EXPECT_EQ(run.done, 100);
  EXPECT_NEAR(run.seconds, made.seconds, 2 + 1e-6);
  EXPECT_GT(run.utilisation[0], 0.95);
}

TEST(Overlap, TheProcessorIsTheLimitWhereItTakesLonger) {
  PlanOptions options;
  options.pictures = 40;
  const Plan made = find_plan(card(2, 2), picture_stages(2, 1, 4), options);
  EXPECT_EQ(made.groups[0].side_threads, 2);
  EXPECT_NEAR(made.groups[0].interval_s, 6 / 2.0, 1e-9);
  EXPECT_THAT(made.limit, HasSubstr("the stages on the processor's threads"));
}

TEST(Overlap, OnePictureHasAllThreads) {
  const Plan made = find_plan(card(4, 4), picture_stages(1, 2, 3), {});
  EXPECT_EQ(made.groups[0].side_threads, 0);
  EXPECT_NEAR(made.seconds, 2 + 4 / 4.0, 1e-9);
}

TEST(Overlap, EachSideThreadNeedsItsMemory) {
  auto stages = picture_stages(1, 2, 9);
  PlanOptions options;
  options.pictures = 50;
  // Weights of 520 MiB, 100 MiB for the card, as much for each thread.
  const auto threads = [&](int64_t mib) {
    return find_plan(card(8, 1, mib), stages, options).groups[0].side_threads;
  };
  EXPECT_EQ(threads(4000), 5);
  EXPECT_EQ(threads(850), 2) << "200 are left";
  EXPECT_EQ(threads(630), 0);
}

TEST(Overlap, StagesWithoutADeviceAreMadeSideBySide) {
  auto stages = picture_stages(1, 2, 1);
  stages.erase(stages.begin() + 1);
  PlanOptions options;
  options.pictures = 12;
  const Plan made = find_plan(card(4), stages, options);
  EXPECT_EQ(made.groups[0].side_threads, 4);
  EXPECT_NEAR(made.seconds, 12 / 4 * 2, 1e-9);
  EXPECT_NEAR(simulate(made, card(4), stages, 12).seconds, made.seconds, 1e-9);
  EXPECT_THAT(made.reasons[0], HasSubstr("makes whole pictures, each on one of 4 threads of the processor"));
}

TEST(Overlap, AShareOfTheProcessorTakesBothEndsOfAPipeline) {
  const auto workers = equal_workers(2, 4000);
  const auto stages = picture_stages(1, 2, 1);
  PlanOptions options;
  options.pictures = 12;
  options.strategy = Strategy::kStage;
  const Plan made = find_plan(workers, stages, options);
  const DeviceGroup& group = made.groups.at(0);
  ASSERT_EQ(group.stations.size(), 3U);
  EXPECT_EQ(group.stages[0].workers, std::vector{1});
  EXPECT_EQ(group.stages[1].workers, std::vector{0});
  EXPECT_EQ(group.stages[2].workers, std::vector{1});
  EXPECT_NEAR(made.seconds, 4 + 11 * 2, 1e-9);
  EXPECT_GT(made.speed_up(), 1.6) << "equal halves";
  EXPECT_NEAR(simulate(made, workers, stages, 12).seconds, made.seconds, 1e-9);
}

TEST(Overlap, ALostShareLeavesTheRestToTheOther) {
  const auto workers = equal_workers(2, 4000);
  const auto stages = picture_stages(1, 2, 1);
  PlanOptions options;
  options.pictures = 12;
  options.strategy = Strategy::kStage;
  const auto run =
      simulate(find_plan(workers, stages, options), workers, stages, 12, {{}, {{0, 9.5}}}, options);
  EXPECT_EQ(run.done, 12);
  EXPECT_GT(run.pictures[1], 8);
}

TEST(Batches, AreAsLargeAsMemoryAllowsAndPays) {
  auto network = stage("network", 100, 1);
  network.max_batch = kAnyBatch;
  network.modes[0].seconds = 1;
  PlanOptions options;
  options.pictures = 32;
  const auto batch = [&](int64_t mib) {
    return find_plan(equal_workers(1, mib), {network}, options).groups[0].batch;
  };
  EXPECT_EQ(batch(250), 1);
  EXPECT_EQ(batch(1000), 8) << "100 MiB for each picture";
  EXPECT_EQ(batch(1800), 16);
  EXPECT_EQ(batch(100'000), 16) << "32 would save less than 3 %, and the first results come later";
  network.modes[0].seconds = 0;
  EXPECT_EQ(batch(100'000), 1);
}

TEST(Batches, FollowTheMemoryOfTheMoment) {
  auto network = stage("network", 100, 1);
  network.max_batch = kAnyBatch;
  network.modes[0].seconds = 1;
  const std::vector<StageProfile> stages{network};
  const auto workers = equal_workers(1, 550);
  PlanOptions options;
  options.pictures = 64;
  const DeviceGroup group = find_plan(workers, stages, options).groups[0];
  ASSERT_EQ(group.batch, 4);
  const auto now = [&](int64_t mib, int pictures) {
    const std::vector<int64_t> budgets{mib * kMiB};
    return batch_now(group, stages, workers, budgets, pictures);
  };
  EXPECT_EQ(now(550, 64), 4);
  EXPECT_EQ(now(499, 64), 2);
  EXPECT_EQ(now(10, 64), 1) << "one is always tried";
  EXPECT_EQ(now(900, 64), 8);
  EXPECT_EQ(now(2000, 64), 16);
  EXPECT_EQ(now(2000, 9), 8) << "there are not more pictures";
}

TEST(Batches, AGpuIsGivenTheWorkOfSeveralPicturesAtOnce) {
  auto network = stage("network", 100, 1);
  network.max_batch = kAnyBatch;
  network.modes[0].launch_seconds = 0.5;
  PlanOptions options;
  options.pictures = 8;
  auto workers = equal_workers(1, 4000);
  EXPECT_NEAR(find_plan(workers, {network}, options).seconds, 8, 1e-9) << "the processor launches nothing";
  workers[0].kind = DeviceKind::kCuda;
  const Plan made = find_plan(workers, {network}, options);
  EXPECT_EQ(made.groups[0].batch, 8);
  EXPECT_NEAR(made.seconds, 8.5, 1e-9);
}

}  // namespace
}  // namespace relievo
