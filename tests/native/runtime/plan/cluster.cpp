// Plans for clusters: alike runs of workers are searched once, and groups stay within a node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/plan/describe.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/simulate.h"
#include "runtime/plan/worker_runs.h"
#include "stages.h"

namespace relievo {
namespace {

using testing::HasSubstr;

std::vector<Worker> cluster(int nodes, int each, int64_t mib) {
  auto workers = equal_workers(nodes * each, mib);
  for (int i = 0; i < nodes * each; ++i) {
    workers[size_t(i)].kind = DeviceKind::kImaginary;
    workers[size_t(i)].device = i;
    workers[size_t(i)].node = i / each;
  }
  return workers;
}

TEST(WorkerRuns, OfAThousandEqualWorkersAreOfAsManyKindsAsThereAreLengths) {
  const WorkerRuns runs(cluster(1, 1000, 4000));
  EXPECT_EQ(runs.kinds().size(), kMaxGroupWorkers);
  EXPECT_EQ(runs.kind(5, 3), runs.kind(900, 3));
  EXPECT_NE(runs.kind(5, 3), runs.kind(5, 4));
  EXPECT_EQ(runs.kind(998, 2), runs.kind(0, 2));
  EXPECT_EQ(runs.kind(998, 3), -1) << "there are no three";
}

TEST(WorkerRuns, AreOfAnotherKindWhereAnythingThatCountsDiffers) {
  const auto are_alike = [](const auto& change) {
    auto workers = cluster(1, 4, 4000);
    change(workers);
    const WorkerRuns runs(workers);
    return runs.kind(0, 2) == runs.kind(2, 2);
  };
  EXPECT_TRUE(are_alike([](auto&) {}));
  EXPECT_TRUE(are_alike([](auto& workers) { workers[3].name = "another name"; }));
  EXPECT_FALSE(are_alike([](auto& workers) { ++workers[3].budget_bytes; }));
  EXPECT_FALSE(are_alike([](auto& workers) { workers[3].speed *= 2; }));
  EXPECT_FALSE(are_alike([](auto& workers) { workers[3].half_gain *= 2; }));
  EXPECT_FALSE(are_alike([](auto& workers) { workers[3].half = "fp16"; }));
  EXPECT_FALSE(are_alike([](auto& workers) { workers[3].kind = DeviceKind::kCuda; }));
  EXPECT_FALSE(are_alike([](auto& workers) { ++workers[3].threads; }));
  EXPECT_FALSE(are_alike([](auto& workers) { ++workers[3].side_threads; }));
  EXPECT_FALSE(are_alike([](auto& workers) { workers[3].host_bytes_per_second *= 2; }));
  EXPECT_FALSE(are_alike([](auto& workers) { workers[3].links[2] = 300e9; })) << "one is joined by NVLink";
  EXPECT_FALSE(are_alike([](auto& workers) { workers[3].device = workers[2].device; })) << "parts of one GPU";
}

TEST(Cluster, AThousandGpusMakeAThousandTimesAsManyPictures) {
  const auto workers = cluster(125, 8, 4000);
  const std::vector<StageProfile> stages{stage("paint", 100, 2)};
  PlanOptions options;
  options.pictures = 10'000;
  const Plan made = find_plan(workers, stages, options);
  EXPECT_EQ(made.groups.size(), 1000U);
  EXPECT_NEAR(made.seconds, 20, 1e-5);
  EXPECT_NEAR(made.speed_up(), 1000, 1e-3);
  EXPECT_THAT(made.reasons[0], HasSubstr("worker0 to worker999 each make whole pictures"));
  const SimulatedRun run = simulate(made, workers, stages, 10'000);
  EXPECT_EQ(run.done, 10'000);
  EXPECT_NEAR(run.seconds, 20, 1e-5);
  for (const double busy : run.utilisation) EXPECT_NEAR(busy, 1, 1e-9);
  const SimulatedRun with_losses = simulate(made, workers, stages, 10'000, {{}, {{3, 5.0}, {700, 11.0}}});
  EXPECT_EQ(with_losses.done, 10'000);
  EXPECT_EQ(with_losses.redone, 2);
  EXPECT_EQ(with_losses.pictures[3], 2);
  EXPECT_EQ(with_losses.pictures[700], 5);
  EXPECT_NEAR(with_losses.seconds, 22, 1e-5) << "what they had left is made in one more round";
}

TEST(Cluster, OfDifferentNodesEachMakesWhatItsSpeedAllows) {
  auto workers = cluster(4, 2, 4000);
  for (const size_t fast : {4, 5, 6, 7}) workers[fast].speed = 3;
  const std::vector<StageProfile> stages{stage("paint", 100, 3)};
  PlanOptions options;
  options.pictures = 1600;
  const Plan made = find_plan(workers, stages, options);
  EXPECT_NEAR(made.seconds, 300, 1e-4);
  const SimulatedRun run = simulate(made, workers, stages, 1600);
  EXPECT_EQ(run.pictures[0], 100);
  EXPECT_EQ(run.pictures[7], 300);
}

TEST(Cluster, GroupsStayWithinANode) {
  const std::vector<StageProfile> stages{stage("paint", 5000, 2, 16)};  // which no device holds alone
  PlanOptions options;
  options.pictures = 50;
  const auto workers = cluster(5, 3, 3000);
  const Plan made = find_plan(workers, stages, options);
  EXPECT_EQ(made.groups.size(), 5U);
  for (const DeviceGroup& group : made.groups) {
    EXPECT_GE(group.workers.size(), 2U);
    for (const int worker : group.workers) {
      EXPECT_EQ(workers[size_t(worker)].node, workers[size_t(group.workers[0])].node);
    }
  }
  EXPECT_EQ(simulate(made, workers, stages, 50).done, 50);
  EXPECT_THAT(made.reasons[1], HasSubstr("do the same"));
}

TEST(Cluster, OnePictureNeedsOneGroup) {
  StageProfile shared = stage("paint", 100, 2);
  shared.parts = halves();
  const Plan made = find_plan(cluster(3, 8, 4000), {shared}, {});
  ASSERT_EQ(made.groups.size(), 1U);
  EXPECT_EQ(made.groups[0].kind, GroupKind::kShardedPictures);
  EXPECT_EQ(made.groups[0].workers.size() + made.idle.size(), 24U);
}

TEST(Cluster, NamesOfManyAreTold) {
  const auto workers = cluster(1, 40, 100);
  EXPECT_EQ(names_of({0, 1, 2}, workers), "worker0, worker1, worker2");
  EXPECT_EQ(names_of({0, 1, 2, 3, 9}, workers), "worker0 to worker3, worker9");
  std::vector<int> even;
  for (int i = 0; i < 40; i += 2) even.push_back(i);
  EXPECT_EQ(names_of(even, workers), "worker0, worker2, worker4, worker6, and 16 more");
}

}  // namespace
}  // namespace relievo
