#include "runtime/costs/profiler.h"

#include <gtest/gtest.h>

#include "../../expect_error.h"
#include "../stand_in.h"

namespace relievo {
namespace {

StageProfile profile(const char* name, int64_t weights, double once, double each) {
  StageMode mode;
  mode.weight_bytes = weights;
  mode.workspace_bytes = once;
  mode.workspace_bytes_per_picture = each;
  StageProfile profile;
  profile.name = name;
  profile.variant = "small";
  profile.modes = {mode, mode};
  profile.modes[1].execution.chunked = true;
  profile.modes[1].workspace_bytes_per_picture = each / 2;
  profile.max_batch = 2;
  return profile;
}

struct Bench {
  std::shared_ptr<ImaginaryMemory> memory = std::make_shared<ImaginaryMemory>();
  std::shared_ptr<StandIn> first = std::make_shared<StandIn>(profile("a", 1000, 50, 100), 1, memory),
                           second = std::make_shared<StandIn>(profile("b", 30, 0, 400), 10, memory);
  Worker worker;
  ProfilerOptions options;

  Bench() {
    worker.name = "worker";
    worker.budget_bytes = 5000;
    worker.threads = 3;
    worker.speed = 2.5;
    options.batches = {1, 2, 4};
    options.repeats = 1;
    options.size = "as large as that";
    options.hooks.take_peak = [this](const Worker& of) { return memory->take_peak(of.name); };
  }
  std::vector<CostSample> run() { return measure_costs(worker, {first, second}, 5, options); }
};

TEST(Profiler, MeasuresTheFirstModeInEveryBatchThatTheStageTakesAndTheOthersOnce) {
  Bench bench;
  const auto samples = bench.run();
  ASSERT_EQ(samples.size(), 6U);
  size_t i = 0;
  for (const char* name : {"a", "b"}) {
    const bool is_first = name == std::string("a");
    for (const bool chunked : {false, true}) {
      for (const int batch : {1, 2}) {
        if (chunked && batch > 1) continue;
        const CostSample& sample = samples[i++];
        EXPECT_EQ(sample.stage, name);
        EXPECT_EQ(sample.mode, (ExecutionMode{.chunked = chunked}));
        EXPECT_EQ(sample.batch, batch);
        // A second stage's figures do not hold the first one's weights.
        EXPECT_EQ(sample.weight_bytes, is_first ? 1000 : 30);
        const int each = (is_first ? 100 : 400) / (chunked ? 2 : 1);
        EXPECT_EQ(sample.workspace_bytes, (is_first ? 50 : 0) + batch * each);
        EXPECT_EQ(sample.size, "as large as that");
        EXPECT_EQ(sample.variant, "small");
        EXPECT_EQ(sample.threads, 3);
        EXPECT_EQ(sample.speed, 2.5);
      }
    }
  }
  EXPECT_EQ(bench.memory->used("worker"), 0);
}

TEST(Profiler, MeasuresHowLongWeightsTakeOnceTheyWereRead) {
  Bench bench;
  bench.options.all_modes = false;
  bench.first->on_load = [&] {  // the first time from a disk
    std::this_thread::sleep_for(std::chrono::milliseconds(bench.first->loads == 0 ? 200 : 20));
  };
  const auto samples = bench.run();
  EXPECT_GE(samples[0].load_seconds, 0.02);
  EXPECT_LT(samples[0].load_seconds, 0.2);
}

TEST(Profiler, LeavesOutWhatDoesNotFit) {
  Bench bench;
  bench.worker.budget_bytes = 1120;  // one picture of `a`, in chunks
  bench.options.batches = {1, 2};
  std::vector<std::pair<ExecutionMode, int>> fitted;
  for (const CostSample& sample : bench.run()) {
    if (sample.stage == "a") fitted.emplace_back(sample.mode, sample.batch);
  }
  EXPECT_EQ(fitted, (std::vector<std::pair<ExecutionMode, int>>{{{.chunked = true}, 1}}));
  bench.worker.budget_bytes = 900;
  expect_error(ErrorCode::kOutOfMemory, "in any mode", [&] { bench.run(); });
}

TEST(Profiler, FeedsEachStageWithWhatTheOneBeforeMadeAndChecksIt) {
  Bench bench;
  std::vector<int> made;
  bench.options.batches = {1};
  bench.options.all_modes = false;
  bench.options.check = [&](const std::any& output) { made.push_back(std::any_cast<int>(output)); };
  EXPECT_EQ(bench.run().size(), 2U);
  EXPECT_EQ(made, (std::vector<int>{6, 6, 16, 16}));  // a warm-up and a repeat each
  bench.options.check = [](const std::any&) { throw Error(ErrorCode::kNoSubject, "nothing there", "look"); };
  expect_error(ErrorCode::kNoSubject, "nothing there", [&] { bench.run(); });
}

TEST(Profiler, CanBeCancelled) {
  Bench bench;
  bench.options.on_call = [&](const std::string&, const StageMode&, int) {
    bench.options.control.cancel.cancel();
  };
  try {
    bench.run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace relievo
