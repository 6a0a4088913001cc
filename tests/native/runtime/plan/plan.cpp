#include "runtime/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../expect_error.h"
#include "base/error.h"
#include "runtime/machine/links.h"
#include "runtime/plan/describe.h"
#include "runtime/plan/simulate.h"
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
  diffusion.parts = halves();
  diffusion.parts[0].bytes_per_picture = kMiB;
  PlanOptions options;
  EXPECT_EQ(find_plan(equal_workers(2, 4000), {diffusion}, options).groups[0].kind,
            GroupKind::kShardedPictures);
  options.pictures = 50;
  const auto many = find_plan(equal_workers(2, 4000), {diffusion}, options);
  EXPECT_EQ(many.groups.size(), 2U);
  EXPECT_NEAR(many.seconds, 250, 1e-3);
}

TEST(Planner, AHandOverTakesAsLongAsTheLinkOfItsPair) {
  auto split = stage("unet", 1650, 1, 25);
  split.activation_bytes_per_picture = 100 * kMiB;
  split.handovers = 3;
  auto workers = parse_imaginary_workers("2x1500MiB");
  for (Worker& worker : workers) worker.speed = 1;
  const auto seconds = [&] { return find_plan(workers, {split}, {}).seconds; };
  const double bytes = 3 * 2 * 100 * double(kMiB);  // there and back, three times
  EXPECT_NEAR(seconds(), 1 + bytes / workers[0].host_bytes_per_second, 1e-6);
  set_links(workers, {"all=0.1"});
  EXPECT_NEAR(seconds(), 1 + bytes / 0.1e9, 1e-6);
  set_links(workers, {"1500MiB#0+1500MiB#1=100"});
  EXPECT_NEAR(seconds(), 1 + bytes / 100e9, 1e-6);
}

TEST(Planner, BetweenStagesValuesPassThroughHostMemory) {
  auto a = stage("a", 1200, 1), b = stage("b", 1300, 1);
  a.output_bytes_per_picture = 100 * kMiB;
  PlanOptions options;
  options.pictures = 100;
  options.strategy = Strategy::kStage;
  auto workers = parse_imaginary_workers("2x4000MiB");
  for (Worker& worker : workers) worker.speed = 1;
  workers[0].host_bytes_per_second = 1e9;
  workers[1].host_bytes_per_second = 4e9;
  const auto interval = [&] { return find_plan(workers, {a, b}, options).groups[0].interval_s; };
  EXPECT_NEAR(interval(), 1 + 100 * double(kMiB) * 1.25e-9, 1e-9) << "in at one rate, out at the other";
  for (Worker& worker : workers) worker.kind = DeviceKind::kCpu, worker.device = 0;
  EXPECT_NEAR(interval(), 1, 1e-9) << "shares of the processor need not copy";
}

TEST(Planner, UnequalDevicesShareAPictureByTheirSpeed) {
  auto diffusion = stage("diffusion", 500, 9), surface = stage("surface", 100, 12);
  diffusion.parts = halves();
  surface.parts = points();
  auto workers = equal_workers(2, 4000);
  workers[1].speed = 3;
  const auto made = find_plan(workers, {diffusion, surface}, {});
  ASSERT_EQ(made.groups.size(), 1U);
  EXPECT_EQ(made.groups[0].kind, GroupKind::kShardedPictures);
  EXPECT_EQ(made.groups[0].stages[0].workers, std::vector{1})
      << "a half on the slow one takes longer than all";
  EXPECT_EQ(made.groups[0].stages[1].workers, (std::vector{1, 0})) << "the fast one leads";
  EXPECT_NEAR(made.seconds, 9 / 3.0 + 12 / 4.0, 1e-9);
  EXPECT_THAT(made.limit, testing::HasSubstr("diffusion, which worker1 computes alone"));
  EXPECT_NEAR(made.speed_up(), 7.0 / 6, 1e-9);

  const auto points = find_plan(workers, {surface}, {});
  const SimulatedRun simulated = simulate(points, workers, {surface}, 1);
  for (const double busy : simulated.utilisation) EXPECT_GT(busy, 0.9);

  workers[1].speed = 1.5;
  const auto halved = find_plan(workers, {diffusion}, {});
  EXPECT_EQ(halved.groups[0].stages[0].workers.size(), 2U) << "now a half on the slow one is worth it";
  EXPECT_NEAR(halved.seconds, 4.5, 1e-9);
}

TEST(Planner, LayersGoToTheFastestThatHasRoom) {
  auto split = stage("unet", 2400, 8, 24);
  auto workers = equal_workers(2, 2000);
  workers[0].speed = 2;
  PlanOptions options;
  options.strategy = Strategy::kSplit;
  const auto made = find_plan(workers, {split}, options);
  const auto& blocks = made.groups[0].stages[0].blocks;
  EXPECT_GE(blocks[0], 16) << "it is twice as fast";
  EXPECT_NEAR(made.seconds, 8 * (blocks[0] / 2.0 + blocks[1]) / 24, 1.0);
}

TEST(Planner, IdleDevicesHaveAReason) {
  const std::vector<StageProfile> stages{stage("a", 1000, 1)};
  auto workers = equal_workers(3, 2000);
  workers[2].budget_bytes = 500 * kMiB;
  const auto reasons = [&](PlanOptions options) {
    std::vector<std::pair<int, IdleReason>> all;
    for (const IdleWorker& idle : find_plan(workers, stages, options).idle) {
      all.emplace_back(idle.worker, idle.reason);
      EXPECT_EQ(idle.name, workers[size_t(idle.worker)].name);
    }
    return all;
  };
  using testing::ElementsAre, testing::Pair;
  EXPECT_THAT(reasons({}), ElementsAre(Pair(1, IdleReason::kOnePicture), Pair(2, IdleReason::kNothingFits)));
  EXPECT_THAT(reasons({.pictures = 10, .strategy = Strategy::kSingle}),
              ElementsAre(Pair(1, IdleReason::kStrategy), Pair(2, IdleReason::kStrategy)));
  EXPECT_THAT(reasons({.pictures = 10, .policy = Policy::kMemory}),
              ElementsAre(Pair(1, IdleReason::kPolicy), Pair(2, IdleReason::kPolicy)));
  EXPECT_THAT(reasons({.pictures = 2}), ElementsAre(Pair(2, IdleReason::kNothingFits)));
  workers[2] = workers[1];
  workers[2].speed = 0.1;
  EXPECT_THAT(reasons({.pictures = 2}), ElementsAre(Pair(2, IdleReason::kNotFaster)));
}

TEST(Planner, NoSentenceNamesAProgram) {
  const auto workers = equal_workers(2, 4000);
  const std::vector<StageProfile> stages{stage("a", 1000, 1), stage("b", 1000, 1)};
  const auto made = find_plan(workers, stages, {});
  auto sentences = describe_alternatives(made, workers, stages, {});
  sentences.insert(sentences.end(), made.reasons.begin(), made.reasons.end());
  for (const std::string& sentence : sentences) EXPECT_EQ(sentence.find('`'), std::string::npos) << sentence;
}

TEST(Planner, HalfPrecisionIsAsFastAsTheDeviceIsInIt) {
  auto half = stage("a", 100, 1);
  half.modes[0].execution.precision = "bf16";
  auto workers = parse_imaginary_workers("1x4000MiB");
  workers[0].speed = 1;
  EXPECT_NEAR(find_plan(workers, {half}, {}).seconds, 1, 1e-9);
  workers[0].half_gain = 4 * kHalfGain;
  EXPECT_NEAR(find_plan(workers, {half}, {}).seconds, 0.25, 1e-9);
  EXPECT_NEAR(find_plan(workers, {stage("a", 100, 1)}, {}).seconds, 1, 1e-9) << "in float32";
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
  other.seconds = 4650;
  EXPECT_EQ(explain_alternative(Strategy::kOffload, &other, taken, workers),
            "The strategy 'offload' would take 78 min instead of 6.39 s.");
  other.seconds = taken.seconds;
  EXPECT_EQ(explain_alternative(Strategy::kOffload, &other, taken, workers), "");
}

TEST(Planner, SharedPointsDoNotShortenTheHostsPart) {
  auto surface = stage("surface", 1, 8);
  surface.parts = points();
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
