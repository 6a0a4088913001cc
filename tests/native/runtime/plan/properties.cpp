// Tests properties that every plan has, on random stages, workers and options.
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/simulate.h"
#include "stages.h"

namespace relievo {
namespace {

using Random = std::mt19937;

const ExecutionMode kChunked{.chunked = true}, kTiled{.chunked = true, .tiled = true},
    kStreamed{.streamed = true}, kHalf{"bf16", true, true}, kSmallerInput{"bf16", true, true, 0.8};

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
    if (between(random, 0, 2) == 0) mode.launch_seconds = between(random, 0.0, 0.1);
    stage.modes.push_back(mode);
    for (const ExecutionMode& fallback : {kChunked, kTiled, kStreamed, kHalf, kSmallerInput}) {
      if (between(random, 0, 2) != 0) continue;
      mode.execution = fallback;
      mode.workspace_bytes_per_picture *= between(random, 0.3, 0.9);
      mode.seconds_per_picture *= between(random, 0.8, 1.3);
      if (fallback == kHalf) mode.weight_bytes /= 2;
      const StageMode before = mode;
      if (fallback == kStreamed) {
        mode.streamed_bytes = double(mode.weight_bytes) * between(random, 1, 20);
        mode.weight_bytes /= 8;
      }
      stage.modes.push_back(mode);
      mode = before;
      mode.execution.streamed = false;
    }
    if (between(random, 0, 1)) stage.blocks = between(random, 2, 24);
    for (const PartKind kind : {PartKind::kHalves, PartKind::kStrips, PartKind::kPoints}) {
      if (between(random, 0, 3) != 0) continue;
      stage.parts.push_back({.kind = kind,
                             .count = kind == PartKind::kPoints ? 0 : between(random, 2, 30),
                             .repeated = kind == PartKind::kStrips ? between(random, 0.0, 0.3) : 0,
                             .bytes_per_picture = between(random, 0, 200) * kMiB,
                             .waits = between(random, 0.0, 500.0)});
    }
    stage.on_host = between(random, 0, 2) == 0;
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
    if (between(random, 0, 1)) workers[i].side_threads = between(random, 1, 4);
    if (between(random, 0, 1)) workers[i].kind = DeviceKind::kImaginary;
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

/// Ranks how much of the result a plan gives up: half precision alone is less than a smaller input besides.
int loss_of(const Plan& plan) {
  return int(plan.fallbacks.half_precision) + int(plan.fallbacks.smaller_input);
}

/// The bytes that a worker needs, counted from the placements alone: a second opinion on the planner's own
/// peaks.
int64_t needed_bytes(const DeviceGroup& group, int worker, const std::vector<StageProfile>& stages) {
  int64_t kept = 0, running = 0, before = 0;  // `before` belongs to the stage before
  int64_t beside = 0;                         // of all side threads
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
    if (placement.on_side) {
      beside = std::max(beside, found->workspace(1) * group.side_threads);
      continue;
    }
    before = found->workspace(group.batch) + (placement.resident ? 0 : weights);
    running = std::max(running, before);
  }
  return kept + running + beside;
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
    for (const DeviceGroup& group : made->groups) {
      double on_side = 0;
      for (const Station& station : group.stations) on_side += station.on_side ? station.seconds : 0;
      longest = std::max(longest, group.latency_s + group.interval_s + on_side);
    }
    // Pulling from one queue ends within a batch of what is best, and a picture on a side thread.
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

}  // namespace
}  // namespace relievo
