#include "runtime/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../expect_error.h"
#include "base/error.h"
#include "runtime/plan/describe.h"
#include "stages.h"

namespace relievo {
namespace {

TEST(Planner, SplitsAModelThatIsLargerThanAnyWorker) {
  const auto made =
      find_plan(equal_workers(2, 1500), {stage("unet", 1650, 1, 25), stage("rest", 800, 1)}, {});
  ASSERT_EQ(made.groups.size(), 1U);
  EXPECT_EQ(made.groups[0].kind, GroupKind::kShardedLayers);
  EXPECT_THAT(made.reasons[0], testing::HasSubstr("share the layers of unet"));
}

TEST(Planner, OffloadsWhenAllTogetherDoesNotFit) {
  const auto made = find_plan(equal_workers(1, 1500), {stage("a", 1200, 1), stage("b", 1300, 1)}, {});
  EXPECT_EQ(made.groups[0].kind, GroupKind::kReplica);
  EXPECT_THAT(made.reasons[0], testing::HasSubstr("wait in host memory"));
}

TEST(Planner, WeightsComeAheadWhereThereIsRoomForBoth) {
  const std::vector<StageProfile> stages{stage("a", 1000, 1), stage("b", 1200, 1), stage("c", 1300, 1)};
  PlanOptions options;
  options.strategy = Strategy::kOffload;
  const auto seconds_with = [&](int64_t mib, std::vector<bool> ahead) {
    auto workers = equal_workers(1, mib);
    workers[0].host_bytes_per_second = 1e9;
    const auto made = find_plan(workers, stages, options);
    std::vector<bool> found;
    for (const StagePlacement& placement : made.groups[0].stages) found.push_back(placement.ahead);
    EXPECT_EQ(found, ahead) << mib;
    const bool is_told =
        made.reasons[0].find("come in while the stage before still runs") != std::string::npos;
    EXPECT_EQ(is_told, std::ranges::count(ahead, true) > 0) << made.reasons[0];
    return made.seconds;
  };
  constexpr double kAll = 3 + 3500 * double(kMiB) / 1e9;  // every stage a second, its weights besides
  EXPECT_NEAR(seconds_with(1500, {false, false, false}), kAll, 1e-6);
  EXPECT_NEAR(seconds_with(2400, {false, true, false}), kAll - 1 - 1000 * double(kMiB) / 1e9, 1e-6)
      << "a stays, and b comes while a runs";
}

TEST(Planner, SaysOfEveryOtherStrategyWhyItWasNotTaken) {
  const std::vector<StageProfile> stages{stage("a", 1200, 1), stage("b", 1300, 1)};
  const auto others = [&](int count, PlanOptions options) {
    auto workers = equal_workers(count, 4000);
    for (Worker& worker : workers) worker.host_bytes_per_second = 1e8;
    options.pictures = 6;
    return describe_alternatives(find_plan(workers, stages, options), workers, stages, options);
  };
  using testing::ElementsAre, testing::IsEmpty, testing::StartsWith;
  EXPECT_THAT(others(1, {}), ElementsAre("The strategy 'stage' needs two devices.",
                                         "No stage of this model offers the strategy 'guidance'.",
                                         "No stage of this model offers the strategy 'split'.",
                                         StartsWith("The strategy 'offload' would take")));
  EXPECT_THAT(others(2, {}), ElementsAre("The strategy 'single' would take 12 s instead of 6 s.",
                                         "The strategy 'stage' would take 7 s instead of 6 s.",
                                         "No stage of this model offers the strategy 'guidance'.",
                                         "No stage of this model offers the strategy 'split'.",
                                         StartsWith("The strategy 'offload' would take")));
  EXPECT_THAT(others(2, {.strategy = Strategy::kData}), IsEmpty());
  EXPECT_THAT(others(2, {.policy = Policy::kMemory}), IsEmpty());
}

TEST(Planner, SharesOnePictureAndDividesMany) {
  auto diffusion = stage("diffusion", 500, 10);
  diffusion.activation_bytes_per_picture = kMiB;
  diffusion.guidance_halves = true;
  PlanOptions options;
  EXPECT_EQ(find_plan(equal_workers(2, 4000), {diffusion}, options).groups[0].kind,
            GroupKind::kShardedPictures);
  options.pictures = 50;
  const auto many = find_plan(equal_workers(2, 4000), {diffusion}, options);
  EXPECT_EQ(many.groups.size(), 2U);
  EXPECT_NEAR(many.seconds, 250, 1e-3);
}

TEST(Planner, PlacesStagesWhereTogetherTheyDoNotFit) {
  PlanOptions options;
  options.pictures = 100;
  auto workers = equal_workers(2, 1500);
  for (Worker& worker : workers)
    worker.host_bytes_per_second = 1e9;  // offloading costs more than a second a picture
  const auto made = find_plan(workers, {stage("a", 1200, 1), stage("b", 1300, 1)}, options);
  ASSERT_EQ(made.groups.size(), 1U);
  EXPECT_EQ(made.groups[0].kind, GroupKind::kPipeline);
  EXPECT_NEAR(made.seconds, 101, 1e-3);
}

TEST(Planner, ChangesTheResultOnlyWhenNothingElseFitsAndSaysSo) {
  auto large = stage("large", 1400, 1);
  large.modes.push_back(large.modes[0]);
  large.modes[1].execution.precision = "bf16";
  large.modes[1].weight_bytes /= 2;
  EXPECT_FALSE(find_plan(equal_workers(1, 1600), {large}, {}).lossy());
  const auto small = find_plan(equal_workers(1, 900), {large}, {});
  EXPECT_TRUE(small.lossy());
  EXPECT_THAT(small.reasons, testing::Contains(testing::HasSubstr("changes the result")));
  PlanOptions strict;
  strict.allow_lossy = false;
  expect_error(ErrorCode::kOutOfMemory, "too little memory",
               [&] { find_plan(equal_workers(1, 900), {large}, strict); });
}

TEST(Planner, SaysHowMuchSmallerTheInputIs) {
  auto large = stage("large", 1400, 1);
  large.modes.push_back(large.modes[0]);
  large.modes[1].execution.input_scale = 0.8;
  large.modes[1].weight_bytes /= 2;
  large.modes[1].smaller = "views of 256 instead of 320 pixels";
  const auto made = find_plan(equal_workers(1, 900), {stage("other", 10, 1), large}, {});
  EXPECT_THAT(
      made.reasons,
      testing::Contains(testing::HasSubstr("changes the result: views of 256 instead of 320 pixels.")));
}

TEST(Planner, MemoryPolicyTakesTheLeast) {
  const std::vector<StageProfile> stages{stage("a", 1200, 1), stage("b", 1300, 1)};
  PlanOptions options;
  options.policy = Policy::kMemory;
  const auto made = find_plan(equal_workers(2, 8000), stages, options);
  EXPECT_EQ(made.groups[0].peak_bytes[0], 1400 * kMiB);
}

TEST(Planner, MemoryPolicyKeepsTheStrategy) {
  PlanOptions options;
  options.policy = Policy::kMemory;
  options.strategy = Strategy::kSplit;
  const auto made = find_plan(equal_workers(2, 4000), {stage("a", 1000, 1, 16)}, options);
  EXPECT_EQ(made.groups.at(0).kind, GroupKind::kShardedLayers);
}

TEST(Planner, ALayerSplitFollowsTheMemory) {
  auto workers = equal_workers(2, 1500);
  workers[1].budget_bytes *= 3;
  PlanOptions options;
  options.strategy = Strategy::kSplit;
  const auto made = find_plan(workers, {stage("a", 4000, 1, 40)}, options);
  const auto& blocks = made.groups.at(0).stages.at(0).blocks;
  EXPECT_TRUE(made.groups[0].stages[0].resident);
  EXPECT_THAT(blocks, testing::ElementsAre(10, 30));
}

TEST(Planner, AStrategyThatNoStageOffersIsNotAQuestionOfMemory) {
  PlanOptions options;
  for (const Strategy strategy : {Strategy::kSplit, Strategy::kGuidance}) {
    options.strategy = strategy;
    try {
      find_plan(equal_workers(2, 4000), {stage("a", 10, 1), stage("b", 10, 1)}, options);
      ADD_FAILURE() << "should throw";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings);
      EXPECT_THAT(error.hint(), testing::HasSubstr("auto"));
    }
  }
}

TEST(Planner, RefusesAStrategyThatNeedsTwoWorkers) {
  PlanOptions options;
  options.strategy = Strategy::kGuidance;
  try {
    find_plan(equal_workers(1, 4000), {stage("a", 1, 1)}, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings);
  }
}

TEST(Planner, SaysNothingFoolishOfTimesThatAreAlike) {
  Plan taken, other;
  taken.seconds = 6.391;
  other.seconds = 6.393;
  const auto workers = equal_workers(2, 1000);
  EXPECT_EQ(explain_alternative(Strategy::kOffload, &other, taken, workers),
            "The strategy 'offload' would take as long (6.39 s), or a little longer.");
  other.seconds = 7.5;
  EXPECT_EQ(explain_alternative(Strategy::kOffload, &other, taken, workers),
            "The strategy 'offload' would take 7.5 s instead of 6.39 s.");
  other.seconds = taken.seconds;
  EXPECT_EQ(explain_alternative(Strategy::kOffload, &other, taken, workers), "");
}

TEST(Planner, SharedPointsDoNotShortenTheHostsPart) {
  auto surface = stage("surface", 1, 8);
  surface.points = true;
  surface.modes[0].host_seconds_per_picture = 6;
  auto workers = equal_workers(2, 4000);
  for (Worker& worker : workers) worker.threads = 3;
  const auto made = find_plan(workers, {surface}, {});
  EXPECT_EQ(made.groups[0].kind, GroupKind::kShardedPictures);
  EXPECT_NEAR(made.seconds, 8 / 2.0 + 6 / 3.0, 1e-9);
}

/// A network in bf16, in fp32 for workers that are slow in that.
StageProfile in_two_precisions() {
  StageMode half;
  half.execution.precision = "bf16";
  half.weight_bytes = 1000 * kMiB;
  half.seconds_per_picture = 1;
  StageMode whole = half;
  whole.execution.precision = "fp32";
  whole.weight_bytes = 2000 * kMiB;
  whole.seconds_per_picture = 2.5;
  StageProfile stage{"network", {half}};
  stage.blocks = 10;
  stage.in_other_precisions = {StageProfile{"network", {whole}}};
  stage.in_other_precisions[0].blocks = 10;
  return stage;
}

std::vector<Worker> gpu_and_cpu() {
  std::vector<Worker> workers(2);
  workers[0].kind = DeviceKind::kCuda;
  workers[0].half = "bf16";
  for (Worker& worker : workers) worker.budget_bytes = 3000 * kMiB;
  return workers;
}

TEST(Planner, EachGroupComputesInThePrecisionOfItsWorkers) {
  const std::vector<Worker> workers = gpu_and_cpu();
  const std::vector<StageProfile> stages{in_two_precisions()};
  const Plan made = find_plan(workers, stages, {.pictures = 20, .strategy = Strategy::kData});
  ASSERT_EQ(made.groups.size(), 2u);
  EXPECT_EQ(made.groups[0].stages[0].mode.precision, "bf16");
  EXPECT_EQ(made.groups[0].peak_bytes[0], 1000 * kMiB);
  EXPECT_DOUBLE_EQ(made.groups[0].latency_s, 1);
  EXPECT_EQ(made.groups[1].stages[0].mode.precision, "fp32");
  EXPECT_EQ(made.groups[1].peak_bytes[0], 2000 * kMiB);
  EXPECT_DOUBLE_EQ(made.groups[1].latency_s, 2.5);
  EXPECT_FALSE(made.lossy()) << "neither is a fallback";
}

TEST(Planner, WorkersThatShareAPictureComputeInThePrecisionOfAll) {
  const std::vector<StageProfile> stages{in_two_precisions()};
  const Plan split = find_plan(gpu_and_cpu(), stages, {.strategy = Strategy::kSplit});
  ASSERT_EQ(split.groups.size(), 1u);
  EXPECT_EQ(split.groups[0].stages[0].mode.precision, "fp32");
  std::vector<StageProfile> two{in_two_precisions(), in_two_precisions()};
  const Plan pipeline = find_plan(gpu_and_cpu(), two, {.pictures = 20, .strategy = Strategy::kStage});
  ASSERT_EQ(pipeline.groups[0].kind, GroupKind::kPipeline);
  EXPECT_EQ(pipeline.groups[0].stages[0].mode.precision, "bf16");
  EXPECT_EQ(pipeline.groups[0].stages[1].mode.precision, "fp32");
  EXPECT_EQ(pipeline.groups[0].peak_bytes, (std::vector<int64_t>{1000 * kMiB, 2000 * kMiB}));
}

}  // namespace
}  // namespace relievo
