// How a plan has workers share pictures, and streams weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/machine/links.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/simulate.h"
#include "stages.h"

namespace relievo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

StageProfile in_strips(const char* name, double seconds, int count) {
  StageProfile made = stage(name, 500, seconds);
  made.parts = {{.kind = PartKind::kStrips, .count = count}};
  return made;
}

std::vector<Worker> of_speeds(const std::vector<double>& speeds) {
  auto workers = equal_workers(int(speeds.size()), 8000);
  for (size_t i = 0; i < speeds.size(); ++i) workers[i].speed = speeds[i];
  return workers;
}

TEST(Sharing, PartsGoBySpeed) {
  const auto made = find_plan(of_speeds({1, 1, 2}), {in_strips("decode", 30, 30)}, {});
  ASSERT_EQ(made.groups.size(), 1U);
  EXPECT_EQ(made.groups[0].kind, GroupKind::kShardedPictures);
  const StagePlacement& placed = made.groups[0].stages[0];
  EXPECT_EQ(placed.part_kind, PartKind::kStrips);
  EXPECT_THAT(placed.workers, ElementsAre(2, 0, 1)) << "the fast one leads";
  EXPECT_THAT(placed.parts, ElementsAre(16, 7, 7));
  EXPECT_NEAR(made.seconds, 8, 1e-9);
  EXPECT_THAT(made.reasons[0], HasSubstr("share every picture (decode by strips (16 + 7 + 7))"));
}

TEST(Sharing, AThreeToOnePairIsBusyOnOnePicture) {
  const auto workers = of_speeds({1, 3});
  const std::vector<StageProfile> stages{in_strips("diffusion", 40, 4), in_strips("decode", 10, 30)};
  const auto made = find_plan(workers, stages, {});
  const SimulatedRun run = simulate(made, workers, stages, 1);
  for (const double busy : run.utilisation) EXPECT_GT(busy, 0.9);
  EXPECT_GT(made.speed_up(), 1.3);
}

TEST(Sharing, AWorkerThatCannotDoAPartInTimeIsLeftOut) {
  const auto made = find_plan(of_speeds({1, 1, 0.05}), {in_strips("diffusion", 40, 4)}, {});
  EXPECT_EQ(made.groups[0].stages[0].workers.size(), 2U);
}

TEST(Sharing, WaitsAndCopiesMustBeWorthIt) {
  StageProfile chatty = in_strips("decode", 1, 30);
  chatty.parts[0].waits = 1e6;
  EXPECT_EQ(find_plan(of_speeds({1, 1}), {chatty}, {}).groups[0].kind, GroupKind::kReplica);
  chatty.parts[0].waits = 100;
  EXPECT_NEAR(find_plan(of_speeds({1, 1}), {chatty}, {}).seconds, 0.5 + 100 * 50e-6, 1e-6);
  chatty.parts[0].bytes_per_picture = 1 << 30;
  auto far_apart = of_speeds({1, 1});
  for (Worker& worker : far_apart) worker.host_bytes_per_second = 1e9;
  EXPECT_EQ(find_plan(far_apart, {chatty}, {}).groups[0].kind, GroupKind::kReplica);
}

TEST(Sharing, APairWithoutPeerAccessSharesOnlyWhatIsWorthTheWayThroughHostMemory) {
  const auto pair = [](bool peer_access) {
    auto workers = of_speeds({1, 1});
    const GpuLink link = expected_link({.peer_access = peer_access, .host_bytes_per_second = {10e9, 10e9}});
    EXPECT_EQ(link.kind, peer_access ? LinkKind::kPeer : LinkKind::kHost);
    for (int i : {0, 1}) {
      Worker& worker = workers[size_t(i)];
      worker.kind = DeviceKind::kCuda;
      worker.device = i;
      worker.links = {{1 - i, link.bytes_per_second}};
    }
    return workers;
  };
  StageProfile network = in_strips("decode", 1, 30);
  network.parts[0].bytes_per_picture = 8'000'000'000;
  EXPECT_NEAR(find_plan(pair(true), {network}, {}).seconds, 0.5 + 0.4, 1e-6);
  EXPECT_NEAR(find_plan(pair(false), {network}, {}).seconds, 1, 1e-6) << "it would take 0.5 + 0.8";
  network.parts[0].bytes_per_picture = 1'000'000'000;
  EXPECT_NEAR(find_plan(pair(false), {network}, {}).seconds, 0.5 + 0.1, 1e-6);
}

TEST(Sharing, WhatEveryWorkerRepeatsIsCounted) {
  StageProfile made = in_strips("diffusion", 10, 4);
  made.parts[0].repeated = 0.2;
  EXPECT_NEAR(find_plan(of_speeds({1, 1}), {made}, {}).seconds, 10 * (0.2 + 0.8 / 2), 1e-9);
}

TEST(Sharing, TheBestOfSeveralWaysIsTaken) {
  StageProfile made = in_strips("diffusion", 10, 4);
  made.parts[0].repeated = 0.1;
  made.parts.push_back(halves()[0]);
  const auto of = [&](std::vector<double> speeds) {
    return find_plan(of_speeds(speeds), {made}, {}).groups[0].stages[0];
  };
  EXPECT_EQ(of({1, 1}).part_kind, PartKind::kHalves) << "nothing is repeated";
  EXPECT_EQ(of({1, 1, 1, 1}).part_kind, PartKind::kStrips) << "there are only two halves";
  EXPECT_EQ(of({1, 1, 1, 1}).workers.size(), 4U);
  EXPECT_EQ(of({1, 3}).part_kind, PartKind::kStrips) << "halves are equal";
}

TEST(Sharing, OnlyWhatGainsMostIsSharedWhereWeightsHaveNoMoreRoom) {
  auto workers = equal_workers(2, 1500);
  for (Worker& worker : workers) worker.host_bytes_per_second = 1e8;  // so that weights had better stay
  auto large = stage("large", 500, 10), small = stage("small", 450, 2), last = stage("last", 100, 1);
  for (StageProfile* shared : {&large, &small, &last}) shared->parts = halves();
  workers[1].budget_bytes = 700 * kMiB;
  const auto made = find_plan(workers, {large, small, last}, {});
  const auto& stages = made.groups[0].stages;
  EXPECT_EQ(stages[0].workers.size(), 2U);
  EXPECT_EQ(stages[1].workers.size(), 1U) << "there is no room for both on the second";
  for (const StagePlacement& placed : stages) EXPECT_TRUE(placed.resident);
}

StageProfile streamable(const char* name, int64_t weights_mib, double seconds) {
  StageProfile made = stage(name, weights_mib, seconds);
  StageMode streamed = made.modes[0];
  streamed.execution.streamed = true;
  streamed.weight_bytes /= 10;
  streamed.streamed_bytes = 2.0 * double(made.modes[0].weight_bytes);
  made.modes.push_back(streamed);
  return made;
}

TEST(Streaming, IsTheLastThatChangesNothing) {
  auto workers = equal_workers(1, 400);
  workers[0].host_bytes_per_second = 1e9;
  StageProfile network = streamable("network", 1000, 1);
  StageMode half = network.modes[0];
  half.execution.precision = "bf16";
  half.weight_bytes = 100 * kMiB;
  network.modes.push_back(half);
  const auto made = find_plan(workers, {network, stage("rest", 50, 1)}, {});
  EXPECT_TRUE(made.groups[0].stages[0].mode.streamed);
  EXPECT_FALSE(made.lossy());
  EXPECT_THAT(made.reasons, testing::Contains(HasSubstr("layer by layer")));
  const double copies = 2.0 * 1000 * double(kMiB) / 1e9;
  EXPECT_NEAR(made.seconds, copies + 1, 1e-6) << "they take longer than computing";
  workers[0].budget_bytes = 1300 * kMiB;
  EXPECT_FALSE(find_plan(workers, {network, stage("rest", 50, 1)}, {}).groups[0].stages[0].mode.streamed);
}

TEST(Streaming, ARoomierDeviceIsBetter) {
  auto workers = equal_workers(2, 400);
  for (Worker& worker : workers) worker.host_bytes_per_second = 1e9;
  workers[1].budget_bytes = 2000 * kMiB;
  const auto made = find_plan(workers, {streamable("network", 1000, 1)}, {});
  EXPECT_FALSE(made.groups[0].stages[0].mode.streamed);
  EXPECT_THAT(made.groups[0].stages[0].workers, ElementsAre(1));
}

}  // namespace
}  // namespace relievo
