#include "runtime/costs/costs.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "runtime/costs/cost_store.h"

namespace relievo {
namespace {

StageProfile profile() {
  StageProfile profile;
  profile.name = "a";
  profile.modes.resize(1);
  return profile;
}

CostSample sample(int batch, int64_t bytes, double seconds) {
  CostSample sample;
  sample.stage = "a";
  sample.batch = batch;
  sample.weight_bytes = 77;
  sample.workspace_bytes = bytes;
  sample.seconds = seconds;
  return sample;
}

/// Makes points for which the formulas give nothing for the size.
std::vector<CostPoint> points_of(const std::vector<CostSample>& samples) {
  std::vector<CostPoint> points;
  for (const CostSample& s : samples) points.push_back({s, {}, 0});
  return points;
}

double seconds(const StageProfile& stage, int batch) { return stage.modes[0].time(batch, Worker{}); }

TEST(Costs, PredictBatchesThatWereNotMeasured) {
  StageProfile stage = profile();
  fit_costs(stage, points_of({sample(1, 130, 1.5), sample(2, 160, 2.5), sample(4, 220, 4.5)}));
  EXPECT_EQ(stage.modes[0].weight_bytes, 77);
  EXPECT_NEAR(double(stage.modes[0].workspace(8)), 340, 1);
  EXPECT_NEAR(seconds(stage, 8), 8.5, 1e-9);
  EXPECT_TRUE(stage.measured);
}

TEST(Costs, NoMeasuredWorkspaceLiesAboveThePrediction) {
  StageProfile stage = profile();
  const std::vector<CostSample> samples{sample(1, 150, 1), sample(2, 140, 1), sample(4, 300, 1)};
  fit_costs(stage, points_of(samples));
  for (const CostSample& s : samples) EXPECT_GE(stage.modes[0].workspace(s.batch), s.workspace_bytes);
}

TEST(Costs, OneBatchAloneGrowsInProportion) {
  StageProfile stage = profile();
  fit_costs(stage, points_of({sample(2, 100, 1)}));
  EXPECT_EQ(stage.modes[0].workspace(4), 200);
}

/// A stage whose formulas are out by factors: bytes are 7 + 3 once + 2 each a picture, seconds 0.1 + 0.5 each
/// a picture on a worker of speed 4 and 2 threads.
struct OtherStage {
  static StageMode formula(double size) {
    StageMode mode;
    mode.workspace_bytes = 1000 * size;
    mode.workspace_bytes_per_picture = 50 + 10 * size * size;
    mode.seconds_per_picture = size;
    mode.host_seconds_per_picture = 0.2 * size * size;
    return mode;
  }
  static CostPoint point(double size, int batch) {
    const StageMode mode = formula(size);
    const double each_s = mode.seconds_per_picture / 4 + mode.host_seconds_per_picture / 2;
    CostSample made =
        sample(batch, int64_t(7000 + 3 * mode.workspace_bytes + 2 * batch * mode.workspace_bytes_per_picture),
               0.1 + 0.5 * batch * each_s);
    made.speed = 4;
    made.threads = 2;
    return {made, mode, 0};
  }
};

TEST(Costs, PredictSizesThatWereNotMeasured) {
  std::vector<CostPoint> points;
  for (const double size : {4.0, 9.0}) {
    for (const int batch : {1, 2}) points.push_back(OtherStage::point(size, batch));
  }
  Worker worker;
  worker.threads = 2;
  worker.speed = 4;
  for (const double size : {4.0, 6.0, 9.0, 12.0}) {
    for (const int batch : {1, 3, 8}) {
      StageProfile stage = profile();
      stage.modes[0] = OtherStage::formula(size);
      fit_costs(stage, points);
      const CostSample real = OtherStage::point(size, batch).sample;
      EXPECT_NEAR(double(stage.modes[0].workspace(batch)) / double(real.workspace_bytes), 1, 0.02) << size;
      EXPECT_NEAR(stage.modes[0].time(batch, worker) / real.seconds, 1, 0.02) << size;
    }
  }
}

TEST(Costs, OneSampleScalesTheFormulas) {
  StageProfile stage = profile();
  stage.modes[0] = OtherStage::formula(6);
  CostPoint point{sample(1, 0, 0), OtherStage::formula(3), 0};
  point.sample.workspace_bytes =
      int64_t(2 * (point.estimate.workspace_bytes + point.estimate.workspace_bytes_per_picture));
  point.sample.seconds = 3 * point.estimate.time(1, Worker{});
  fit_costs(stage, {point});
  const StageMode formula = OtherStage::formula(6);
  EXPECT_NEAR(double(stage.modes[0].workspace(5)), 2 * double(formula.workspace(5)), 2);
  EXPECT_NEAR(stage.modes[0].time(5, Worker{}), 3 * formula.time(5, Worker{}), 1e-9);
}

TEST(Costs, OfOtherStagesVariantsAndModesAreLeftAlone) {
  std::vector<CostPoint> others(4, {sample(1, 500, 5), {}, 0});
  others[0].sample.stage = "b";
  others[1].sample.variant = "larger";
  others[2].sample.mode.precision = "bf16";
  others[3].sample.mode.chunked = true;
  StageProfile stage = profile();
  fit_costs(stage, others);
  EXPECT_EQ(stage.modes[0].workspace(1), 0);
  EXPECT_FALSE(stage.measured);
}

TEST(Costs, AFallbackThatWasMeasuredFasterIsNotBelieved) {
  StageProfile stage = profile();
  stage.modes.resize(2);
  stage.modes[1].execution.chunked = true;
  std::vector<CostPoint> points = points_of({sample(1, 10, 2), sample(1, 5, 1.9)});
  points[1].sample.mode.chunked = true;
  fit_costs(stage, points);
  EXPECT_GE(stage.modes[1].time(1, Worker{}), stage.modes[0].time(1, Worker{}));
  EXPECT_EQ(stage.modes[1].workspace(1), 5);
}

TEST(Costs, WhatIsHandedOnIsWhatTheWorkerHolds) {
  StageProfile stage = profile();
  stage.output_bytes_per_picture = 1000;
  CostPoint point{sample(2, 10, 1), {}, 500};
  point.sample.output_bytes = 300;
  fit_costs(stage, {point});
  EXPECT_EQ(stage.output_bytes_per_picture, 300);  // 300 of 2 * 500, of 1000
}

TEST(Costs, AreKeptByDeviceAndReplaced) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "relievo_costs";
  std::filesystem::remove_all(folder);
  const CostStore store(folder);
  store.add("cpu", {sample(1, 10, 1), sample(2, 20, 2)});
  store.add("cpu", {sample(2, 25, 3)});
  const auto kept = store.measured()["cpu"];
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[1].workspace_bytes, 25);
  EXPECT_FALSE(store.measured().contains("cuda:0"));
  std::ofstream(folder / "costs.json") << "{ torn";
  EXPECT_TRUE(store.measured().empty());
  std::filesystem::remove_all(folder);
}

TEST(Costs, KeepTheModeThatWasMeasured) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "relievo_costs_modes";
  std::filesystem::remove_all(folder);
  const CostStore store(folder);
  CostSample tiled = sample(1, 10, 1);
  tiled.mode = {.precision = "bf16", .chunked = true, .tiled = true, .input_scale = 0.75};
  store.add("cpu", {tiled, sample(1, 20, 2)});
  const auto kept = store.measured()["cpu"];
  ASSERT_EQ(kept.size(), 2U) << "of two modes";
  EXPECT_EQ(kept[0].mode, tiled.mode);
  EXPECT_EQ(kept[1].mode, ExecutionMode());
  std::filesystem::remove_all(folder);
}

/// 0.1.0 named modes by how far down a list of fallbacks they were.
TEST(Costs, OfVersion010AreUnderstood) {
  const std::map<std::string, ExecutionMode> modes{{"full", {"fp32", false, false, 1}},
                                                   {"chunks", {"fp32", true, false, 1}},
                                                   {"tiled", {"fp32", true, true, 1}},
                                                   {"half", {"bf16", true, true, 1}},
                                                   {"smaller_input", {"bf16", true, true, 0.75}}};
  const auto folder = std::filesystem::path(testing::TempDir()) / "relievo_costs_0.1.0";
  std::filesystem::create_directories(folder);
  for (const auto& [name, mode] : modes) {
    std::ofstream(folder / "costs.json")
        << R"({"a processor": [{"batch": 2, "load_seconds": 0.5, "output_bytes": 7, "precision": ")"
        << mode.precision << R"(", "rung": ")" << name
        << R"(", "seconds": 1.5, "size": "{}", "speed": 2.0, "stage": "decode", "threads": 2,
            "variant": "", "weight_bytes": 77, "workspace_bytes": 10}]})";
    const auto samples = CostStore(folder).measured()["a processor"];
    ASSERT_EQ(samples.size(), 1U) << name;
    EXPECT_TRUE(samples[0].mode.is_like(mode)) << name;
    EXPECT_EQ(samples[0].seconds, 1.5);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace relievo
