#include "runtime/plan/plan.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime/plan/describe.h"
#include "runtime/plan/simulate.h"

namespace relievo {
namespace {

constexpr int64_t kMiB = 1 << 20;

using Random = std::mt19937;

const ExecutionMode kChunked{.chunked = true}, kTiled{.chunked = true, .tiled = true},
    kHalf{"bf16", true, true}, kSmallerInput{"bf16", true, true, 0.8};

double between(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}
int between(Random& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}

std::vector<StageProfile> random_stages(Random& random) {
  std::vector<StageProfile> stages(size_t(between(random, 1, 6)));
  for (size_t i = 0; i < stages.size(); ++i) {
    StageProfile& stage = stages[i];
    stage.name = "stage" + std::to_string(i);
    stage.max_batch = between(random, 1, 8);
    StageMode mode;
    mode.weight_bytes = between(random, 0, 2000) * kMiB;
    mode.workspace_bytes = between(random, 0, 200) * double(kMiB);
    mode.workspace_bytes_per_picture = between(random, 1, 800) * double(kMiB);
    mode.seconds = between(random, 0.0, 0.5);
    mode.seconds_per_picture = between(random, 0.01, 3.0);
    if (between(random, 0, 1)) mode.host_seconds_per_picture = between(random, 0.01, 1.0);
    stage.modes.push_back(mode);
    for (const ExecutionMode& fallback : {kChunked, kTiled, kHalf, kSmallerInput}) {
      if (between(random, 0, 2) != 0) continue;
      mode.execution = fallback;
      mode.workspace_bytes_per_picture *= between(random, 0.3, 0.9);
      mode.seconds_per_picture *= between(random, 0.8, 1.3);
      if (fallback == kHalf) mode.weight_bytes /= 2;
      stage.modes.push_back(mode);
    }
    if (between(random, 0, 1)) stage.blocks = between(random, 2, 24);
    stage.guidance_halves = between(random, 0, 3) == 0;
    stage.points = between(random, 0, 3) == 0;
    stage.output_bytes_per_picture = between(random, 0, 20) * kMiB;
    stage.activation_bytes_per_picture = between(random, 0, 20) * kMiB;
    stage.handovers = between(random, 1, 50);
  }
  return stages;
}

std::vector<Worker> random_workers(Random& random) {
  std::vector<Worker> workers(size_t(between(random, 1, 6)));
  for (size_t i = 0; i < workers.size(); ++i) {
    workers[i].name = "worker" + std::to_string(i);
    workers[i].budget_bytes = between(random, 300, 9000) * kMiB;
    workers[i].speed = between(random, 0.2, 2.0);
    workers[i].threads = between(random, 1, 4);
    workers[i].host_bytes_per_second = between(random, 1e9, 2e10);
  }
  return workers;
}

PlanOptions random_options(Random& random) {
  PlanOptions options;
  options.pictures = between(random, 0, 1) ? between(random, 1, 4) : between(random, 1, 300);
  options.policy = Policy(between(random, 0, 2));
  options.allow_lossy = between(random, 0, 1) == 1;
  if (between(random, 0, 2) == 0) options.strategy = Strategy(between(random, 0, int(Strategy::kOffload)));
  return options;
}

std::optional<Plan> try_plan(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
                             const PlanOptions& options) {
  try {
    return find_plan(workers, stages, options);
  } catch (const Error& error) {
    const bool is_wish = options.strategy != Strategy::kAuto && error.code() == ErrorCode::kInvalidSettings;
    EXPECT_TRUE(is_wish || error.code() == ErrorCode::kOutOfMemory) << error.what();
    return std::nullopt;
  }
}

/// How much of the result a plan gives up: half precision is less than a smaller input besides.
int loss_of(const Plan& plan) {
  return int(plan.fallbacks.half_precision) + int(plan.fallbacks.smaller_input);
}

/// What a worker needs, counted from the placements alone: a second opinion on the planner's own peaks.
int64_t needed_bytes(const DeviceGroup& group, int worker, const std::vector<StageProfile>& stages) {
  int64_t kept = 0, running = 0, before = 0;  // `before`: of the stage before
  for (const StagePlacement& placement : group.stages) {
    const StageProfile& stage = stages[size_t(placement.stage)];
    const auto found = std::ranges::find_if(
        stage.modes, [&](const StageMode& mode) { return mode.execution == placement.mode; });
    if (found == stage.modes.end()) throw std::logic_error("a mode that the stage does not have");
    int64_t weights = 0;
    bool here = false;
    for (size_t j = 0; j < placement.workers.size(); ++j) {
      if (placement.workers[j] != worker) continue;
      here = placement.blocks.empty() || placement.blocks[j] > 0;
      weights = placement.blocks.empty() ? found->weight_bytes
                                         : found->weight_bytes * placement.blocks[j] / stage.blocks;
    }
    if (!here) continue;
    if (placement.resident) kept += weights;
    if (placement.ahead) running = std::max(running, before + weights);
    before = found->workspace(group.batch) + (placement.resident ? 0 : weights);
    running = std::max(running, before);
  }
  return kept + running;
}

TEST(Planner, NeverGoesOverABudget) {
  Random random(1);
  int planned = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto workers = random_workers(random);
    const auto stages = random_stages(random);
    const auto made = try_plan(workers, stages, random_options(random));
    if (!made) continue;
    ++planned;
    std::vector<int> uses(workers.size(), 0);
    for (const DeviceGroup& group : made->groups) {
      ASSERT_EQ(group.stages.size(), stages.size());
      for (size_t j = 0; j < group.workers.size(); ++j) {
        const size_t worker = size_t(group.workers[j]);
        EXPECT_LE(++uses[worker], 1);
        EXPECT_LE(group.peak_bytes[j], workers[worker].budget_bytes);
        EXPECT_LE(needed_bytes(group, group.workers[j], stages), group.peak_bytes[j]);
      }
      for (const StagePlacement& placement : group.stages) {
        int blocks = 0;
        for (const int count : placement.blocks) blocks += count;
        if (!placement.blocks.empty()) {
          EXPECT_EQ(blocks, stages[size_t(placement.stage)].blocks);
        }
      }
    }
  }
  EXPECT_GT(planned, 1000);
}

TEST(Planner, IsNeverWorseThanOneWorker) {
  Random random(2);
  int compared = 0;
  for (int i = 0; i < 1500; ++i) {
    const auto workers = random_workers(random);
    const auto stages = random_stages(random);
    PlanOptions options = random_options(random);
    options.policy = Policy::kFastest;
    const auto made = try_plan(workers, stages, options);
    for (const Worker& worker : workers) {
      const auto alone = try_plan({worker}, stages, options);
      if (!alone) continue;
      ++compared;
      ASSERT_TRUE(made);
      if (made->fallbacks == alone->fallbacks || !alone->lossy()) {
        EXPECT_LE(made->seconds, alone->seconds * (1 + 1e-6));
      }
      if (!alone->lossy()) {
        EXPECT_FALSE(made->lossy());
      }
    }
  }
  EXPECT_GT(compared, 1000);
}

TEST(Planner, OtherPoliciesKeepTheirPromises) {
  Random random(5);
  int compared = 0;
  for (int i = 0; i < 600; ++i) {
    const auto workers = random_workers(random);
    const auto stages = random_stages(random);
    PlanOptions options = random_options(random);
    const auto bytes_of = [](const Plan& plan) {
      int64_t bytes = 0;
      for (const DeviceGroup& group : plan.groups) {
        for (const int64_t peak : group.peak_bytes) bytes += peak;
      }
      return bytes;
    };
    const auto by = [&](Policy policy) {
      options.policy = policy;
      return try_plan(workers, stages, options);
    };
    const auto fastest = by(Policy::kFastest), balanced = by(Policy::kBalanced), least = by(Policy::kMemory);
    ASSERT_EQ(fastest.has_value(), balanced.has_value());
    ASSERT_EQ(fastest.has_value(), least.has_value());
    if (!fastest) continue;
    ++compared;
    EXPECT_LE(balanced->seconds, 1.1 * fastest->seconds * (1 + 1e-6));
    EXPECT_LE(bytes_of(*least), bytes_of(*fastest));
    EXPECT_LE(bytes_of(*least), bytes_of(*balanced));
    EXPECT_EQ(least->lossy(), fastest->lossy());
    for (const Worker& worker : workers) {
      options.policy = Policy::kMemory;
      const auto alone = try_plan({worker}, stages, options);
      if (alone && alone->lossy() == least->lossy()) {
        EXPECT_LE(bytes_of(*least), bytes_of(*alone));
      }
    }
  }
  EXPECT_GT(compared, 300);
}

TEST(Planner, MoreMemoryNeverHurts) {
  Random random(3);
  int compared = 0;
  for (int i = 0; i < 2500; ++i) {
    auto workers = random_workers(random);
    const auto stages = random_stages(random);
    PlanOptions options = random_options(random);
    options.policy = Policy::kFastest;
    const auto before = try_plan(workers, stages, options);
    if (!before) continue;
    ++compared;
    workers[size_t(between(random, 0, int(workers.size()) - 1))].budget_bytes +=
        between(random, 1, 4000) * kMiB;
    const auto after = try_plan(workers, stages, options);
    ASSERT_TRUE(after);
    const int lost_before = loss_of(*before), lost_after = loss_of(*after);
    if (lost_after < lost_before) continue;  // a better picture may take longer
    EXPECT_EQ(lost_after, lost_before);
    EXPECT_LE(after->seconds, before->seconds * (1 + 1e-6));
  }
  EXPECT_GT(compared, 1000);
}

TEST(Planner, SimulationAgreesWithThePlan) {
  Random random(4);
  int compared = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto workers = random_workers(random);
    const auto stages = random_stages(random);
    const PlanOptions options = random_options(random);
    const auto made = try_plan(workers, stages, options);
    if (!made) continue;
    ++compared;
    const SimulatedRun run = simulate(*made, workers, stages, options.pictures);
    EXPECT_EQ(run.done, options.pictures);
    double longest = 0;
    for (const DeviceGroup& group : made->groups)
      longest = std::max(longest, group.latency_s + group.interval_s);
    // Pulling from one queue ends within a batch of what is best.
    EXPECT_LE(run.seconds, made->seconds + longest + 1e-9);
    double busy = 0;
    for (size_t j = 0; j < workers.size(); ++j) {
      EXPECT_LE(run.peak_bytes[j], workers[j].budget_bytes);
      EXPECT_LE(run.utilisation[j], 1 + 1e-9);
      busy += run.utilisation[j];
    }
    EXPECT_GT(busy, 0);
    for (const DeviceGroup& group : made->groups) {
      int pictures = 0;
      for (const int worker : group.workers) pictures += run.pictures[size_t(worker)];
      for (size_t j = 0; j < group.workers.size() && pictures > 0; ++j) {
        const int64_t peak = run.peak_bytes[size_t(group.workers[j])];
        EXPECT_GE(peak, needed_bytes(group, group.workers[j], stages));
      }
    }
  }
  EXPECT_GT(compared, 300);
}

StageProfile stage(const char* name, int64_t weights_mib, double seconds, int blocks = 1) {
  StageMode mode;
  mode.weight_bytes = weights_mib * kMiB;
  mode.workspace_bytes_per_picture = double(100 * kMiB);
  mode.seconds_per_picture = seconds;
  StageProfile profile;
  profile.name = name;
  profile.modes = {mode};
  profile.blocks = blocks;
  return profile;
}

std::vector<Worker> equal_workers(int count, int64_t mib) {
  std::vector<Worker> workers(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    workers[size_t(i)].name = "worker" + std::to_string(i);
    workers[size_t(i)].budget_bytes = mib * kMiB;
  }
  return workers;
}

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
  EXPECT_THAT(others(1, {}), ElementsAre("stage: needs two devices.", "guidance: no stage offers it.",
                                         "split: no stage offers it.", StartsWith("offload: would take")));
  EXPECT_THAT(others(2, {}),
              ElementsAre("single: would take 12 s instead of 6 s.", "stage: would take 7 s instead of 6 s.",
                          "guidance: no stage offers it.", "split: no stage offers it.",
                          StartsWith("offload: would take")));
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
  EXPECT_FALSE(try_plan(equal_workers(1, 900), {large}, strict));
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
            "offload: would take as long (6.39 s), or a little longer.");
  other.seconds = 7.5;
  EXPECT_EQ(explain_alternative(Strategy::kOffload, &other, taken, workers),
            "offload: would take 7.5 s instead of 6.39 s.");
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
  shared.guidance_halves = true;
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
  shared.guidance_halves = true;
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
