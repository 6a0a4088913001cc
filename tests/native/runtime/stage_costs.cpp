#include "runtime/stage_costs.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace relievo {
namespace {

StageProfile profile() {
  StageProfile profile;
  profile.name = "a";
  profile.modes.resize(1);
  return profile;
}

CostSample sample(int batch, int64_t bytes, double seconds) {
  return {"a", Rung::kFull, "fp32", batch, 77, bytes, seconds};
}

TEST(Costs, PredictBatchesThatWereNotMeasured) {
  StageProfile stage = profile();
  fit_costs(stage, {sample(1, 130, 1.5), sample(2, 160, 2.5), sample(4, 220, 4.5)});
  EXPECT_EQ(stage.modes[0].weight_bytes, 77);
  EXPECT_NEAR(double(stage.modes[0].workspace(8)), 340, 1);
  EXPECT_NEAR(stage.modes[0].time(8), 8.5, 1e-9);
}

TEST(Costs, NoMeasuredWorkspaceLiesAboveThePrediction) {
  StageProfile stage = profile();
  const std::vector<CostSample> samples{sample(1, 150, 1), sample(2, 140, 1), sample(4, 300, 1)};
  fit_costs(stage, samples);
  for (const CostSample& s : samples) EXPECT_GE(stage.modes[0].workspace(s.batch), s.workspace_bytes);
}

TEST(Costs, OneBatchAloneGrowsInProportion) {
  StageProfile stage = profile();
  fit_costs(stage, {sample(2, 100, 1)});
  EXPECT_EQ(stage.modes[0].workspace(4), 200);
}

TEST(Costs, AreKeptByDeviceAndReplaced) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "relievo_costs";
  std::filesystem::remove_all(folder);
  const CostStore store((folder / "costs.json").string());
  store.add("cpu", {sample(1, 10, 1), sample(2, 20, 2)});
  store.add("cpu", {sample(2, 25, 3)});
  const auto kept = store.samples("cpu");
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[1].workspace_bytes, 25);
  EXPECT_TRUE(store.samples("cuda:0").empty());
  std::ofstream(folder / "costs.json") << "{ torn";
  EXPECT_TRUE(store.samples("cpu").empty());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace relievo
