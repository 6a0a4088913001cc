#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "executor_test.h"

namespace relievo {
namespace {

const ExecutionMode kFull, kChunked{.chunked = true}, kTiled{.chunked = true, .tiled = true},
    kHalf{"bf16", true, true}, kSmallerInput{"bf16", true, true, 0.8};

StageProfile profile_with(const std::vector<std::pair<ExecutionMode, int64_t>>& modes) {
  StageProfile profile;
  profile.name = "stage";
  profile.max_batch = 4;
  for (const auto& [execution, bytes] : modes) {
    StageMode mode;
    mode.execution = execution;
    mode.workspace_bytes_per_picture = double(bytes);
    mode.seconds = 1;  // so that batches pay
    mode.seconds_per_picture = 1;
    profile.modes.push_back(mode);
  }
  return profile;
}

/// Plans with costs that promise too little memory, so that fallbacks have to help.
class FallbackTest : public ExecutorTest {
 protected:
  std::vector<Outcome> run_misled(int64_t budget, RunOptions options = RunOptions(), int pictures = 8) {
    std::vector<StageProfile> hopeful = profiles_;
    for (StageProfile& profile : hopeful) {
      for (StageMode& mode : profile.modes) mode.workspace_bytes_per_picture = 1;
    }
    options.plan.pictures = pictures;
    const auto where = workers({budget});
    const Plan made = find_plan(where, hopeful, options.plan);
    ExecutorOptions executor_options;
    executor_options.costs = costs_;
    Executor executor(where, stages(), executor_options);
    return run(executor, made, pictures, options);
  }

  std::shared_ptr<CostStore> costs_ = std::make_shared<CostStore>("");
};

TEST_F(FallbackTest, SmallerBatchesComeFirstAndAreRemembered) {
  add_stage(profile_with({{kFull, 40}, {kChunked, 10}}));
  const auto outcomes = run_misled(100);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[0].stages[0].batch, 2);
  EXPECT_EQ(outcomes[0].stages[0].mode, kFull);
  const int runs = stages_[0]->runs;
  run_misled(100);
  EXPECT_EQ(stages_[0]->runs - runs, runs - 1) << "the batch of four is not tried again";
}

TEST_F(FallbackTest, ThenChunks) {
  add_stage(profile_with({{kFull, 140}, {kChunked, 40}}));
  const auto outcomes = run_misled(100);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[0].stages[0].mode, kChunked);
  EXPECT_FALSE(outcomes[0].lossy);
  EXPECT_THAT(outcomes[0].notes, testing::Contains(testing::HasSubstr("smaller chunks")));
}

TEST_F(FallbackTest, ThenTheOtherStagesMakeRoom) {
  add_stage(60, 1);
  add_stage(profile_with({{kFull, 140}, {kChunked, 70}, {kTiled, 1}}));
  const auto outcomes = run_misled(100);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[0].stages.back().mode, kChunked);
  EXPECT_THAT(outcomes[0].notes, testing::Contains(testing::HasSubstr("make room")));
}

TEST_F(FallbackTest, ThoseThatChangeTheResultComeLastAndAreReported) {
  add_stage(profile_with({{kFull, 500}, {kTiled, 300}, {kHalf, 200}, {kSmallerInput, 90}}));
  const auto outcomes = run_misled(100);
  expect_all_made(outcomes);
  EXPECT_EQ(outcomes[7].stages[0].mode, kSmallerInput);
  EXPECT_TRUE(outcomes[7].lossy);
  EXPECT_THAT(outcomes[0].notes, testing::Contains(testing::HasSubstr("differs")));
}

TEST_F(FallbackTest, ThoseThatChangeTheResultCanBeForbidden) {
  add_stage(profile_with({{kFull, 500}, {kHalf, 50}}));
  RunOptions options;
  options.plan.allow_lossy = false;
  for (const Outcome& outcome : run_misled(100, options)) {
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->code(), ErrorCode::kOutOfMemory);
    EXPECT_THAT(outcome.error->hint(), testing::HasSubstr("--no-lossy"));
  }
}

TEST_F(FallbackTest, TheLastRefusalKeepsWhatTheDeviceSaid) {
  add_stage(profile_with({{kFull, 500}, {kTiled, 300}}));
  const auto outcomes = run_misled(100, RunOptions(), 1);
  ASSERT_TRUE(outcomes.at(0).error);
  EXPECT_THAT(outcomes[0].error->message(),
              testing::HasSubstr("not even one picture at a time. imaginary memory"));
}

TEST_F(FallbackTest, LimitsAreKeptInAFileAndForgottenWithMoreMemory) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "relievo_limits";
  std::filesystem::remove_all(folder);
  Worker worker = workers({100})[0];
  const StageProfile stage = profile_with({{kFull, 30}, {kChunked, 10}});
  const StageMode &full = stage.modes[0], &chunks = stage.modes[1];
  {
    CostStore learned(folder);
    learned.learn_limit(worker, stage, full, 4);
  }
  const CostStore again(folder);
  EXPECT_EQ(again.batch_limit(worker, stage, full, 8), 2);
  EXPECT_EQ(again.batch_limit(worker, stage, chunks, 8), 8);
  StageMode smaller = full;  // other settings
  smaller.workspace_bytes_per_picture = 14;
  EXPECT_EQ(again.batch_limit(worker, stage, smaller, 8), 8);
  StageProfile other = stage;
  other.variant = "another model";
  EXPECT_EQ(again.batch_limit(worker, other, full, 8), 8);
  worker.budget_bytes = 200;
  EXPECT_EQ(again.batch_limit(worker, stage, full, 8), 8);

  std::string text;
  std::getline(std::ifstream(folder / "limits.json"), text, '\0');
  const size_t when = text.rfind(',') + 1;
  std::ofstream(folder / "limits.json") << text.substr(0, when) << "1000000000]}";  // in 2001
  worker.budget_bytes = 100;
  EXPECT_EQ(CostStore(folder).batch_limit(worker, stage, full, 8), 8) << "long ago";
  std::filesystem::remove_all(folder);
}

TEST_F(ExecutorTest, EachWorkerKeepsToItsPrecisionAndFallsBackWithinIt) {
  StageProfile stage;
  stage.name = "network";
  const auto in = [](const char* precision) {
    StageMode full;
    full.execution.precision = precision;
    full.workspace_bytes_per_picture = 1000;
    full.seconds_per_picture = 1;
    StageMode chunks = full;
    chunks.execution.chunked = true;
    chunks.workspace_bytes_per_picture = 10;
    return std::vector<StageMode>{full, chunks};
  };
  stage.modes = in("bf16");
  stage.in_other_precisions = {StageProfile{"network", in("fp32")}};
  add_stage(stage);
  std::vector<Worker> where = workers({5000, 5000});
  where[0].half = "bf16";
  RunOptions options;
  options.plan = {.pictures = 6, .strategy = Strategy::kData};
  const Plan made = find_plan(where, profiles_, options.plan);
  for (Worker& worker : where) worker.budget_bytes = 100;  // others took it meanwhile
  std::mutex mutex;
  std::set<std::pair<std::string, std::string>> computed;
  stages_[0]->on_run = [&](const StageCall& call, const std::vector<int>&) {
    EXPECT_TRUE(call.mode.chunked);
    const std::lock_guard lock(mutex);
    computed.emplace(call.workers[0].name, call.mode.precision);
  };
  Executor executor(where, stages());
  expect_all_made(run(executor, made, 6, options));
  EXPECT_THAT(computed, testing::IsSubsetOf(std::set<std::pair<std::string, std::string>>{
                            {"worker0", "bf16"}, {"worker1", "fp32"}}));
  EXPECT_FALSE(computed.empty());
}

}  // namespace
}  // namespace relievo
