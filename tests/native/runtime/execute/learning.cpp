// What finished jobs took makes the next plan right.
#include <chrono>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "executor_test.h"
#include "runtime/execute/learn.h"
#include "runtime/plan/plan.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

struct TemporaryFolder {
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
  const fs::path path = fs::temp_directory_path() / fmt::format("relievo-learning-{}", getpid());
};

/// A device on which the formulas are wrong by other factors in each stage, on a clock that is not there.
struct Device {
  Worker worker = [] {
    Worker made;
    made.name = "cuda:0";
    made.product = "A card";
    made.kind = DeviceKind::kCuda;
    made.speed = 100;
    made.budget_bytes = int64_t{8} << 30;
    return made;
  }();
  double factor[2] = {3.1, 0.4};

  static StageProfile stage(int index, double size) {
    StageProfile profile;
    profile.name = index == 0 ? "paint" : "mesh";
    StageMode mode;
    mode.weight_bytes = 100 << 20;
    mode.seconds = index == 0 ? 0 : 20;
    mode.seconds_per_picture = 50 * size;
    profile.modes = {mode};
    profile.max_batch = 4;
    return profile;
  }
  static std::vector<StageProfile> stages(double size) { return {stage(0, size), stage(1, size)}; }

  /// The stages of a job as an executor would report them.
  std::vector<StageRun> job(double size, int batch, bool is_first) const {
    std::vector<StageRun> runs;
    for (int i = 0; i < 2; ++i) {
      const StageProfile profile = stage(i, size);
      const double computing = factor[i] * profile.modes[0].time(batch, worker);
      StageRun run{.stage = profile.name, .worker = worker.name, .seconds = computing, .batch = batch};
      if (is_first) {
        run.load_seconds = 0.7;
        run.is_first_load = true;
        run.seconds += run.load_seconds;
      }
      run.devices = {{.worker = worker.name, .computing = computing}};
      runs.push_back(std::move(run));
    }
    return runs;
  }

  /// The stages with what the store knows, for jobs of this size.
  std::vector<StageProfile> fitted(const CostStore& store, double size) const {
    std::vector<StageProfile> profiles = stages(size);
    const MeasuredCosts measured = store.measured();
    if (!measured.contains(worker.product)) return profiles;
    for (int i = 0; i < 2; ++i) {
      std::vector<CostPoint> points;
      for (const CostSample& sample : measured.at(worker.product)) {
        if (sample.stage != profiles[size_t(i)].name) continue;
        const double then = std::stod(sample.size);
        points.push_back({sample, stage(i, then).modes[0], 0, then == size});
      }
      fit_costs(profiles[size_t(i)], points);
    }
    return profiles;
  }
  double planned(const CostStore& store, double size) const {
    return find_plan({worker}, fitted(store, size), {}).seconds;
  }
  double taken(double size) const {
    double seconds = 0;
    for (const StageRun& run : job(size, 1, false)) seconds += run.seconds;
    return seconds;
  }
  void make(CostStore& store, double size, int batch = 1, bool is_first = false) const {
    for (const auto& [product, samples] :
         samples_of(job(size, batch, is_first), {worker}, {worker}, stages(size), fmt::format("{}", size))) {
      store.learn(product, samples);
    }
  }
};

TEST(Learning, TheSecondRunIsPredictedWithoutAnybodyMeasuring) {
  const TemporaryFolder folder;
  const Device device;
  {
    CostStore store(folder.path);
    EXPECT_GT(std::abs(device.planned(store, 2) / device.taken(2) - 1), 0.3) << "the formulas are far off";
    device.make(store, 2, 1, true);
  }
  const CostStore next_process(folder.path);
  EXPECT_NEAR(device.planned(next_process, 2) / device.taken(2), 1, 0.01);
  EXPECT_NEAR(device.planned(next_process, 3) / device.taken(3), 1, 0.15) << "another size";
  EXPECT_TRUE(device.fitted(next_process, 2)[0].measured);
  EXPECT_NEAR(device.fitted(next_process, 2)[0].modes[0].first_load(), 0.7, 1e-9);
}

TEST(Learning, FollowsADeviceThatBecomesSlower) {
  const TemporaryFolder folder;
  CostStore store(folder.path);
  Device device;
  for (int i = 0; i < 5; ++i) device.make(store, 2);
  device.factor[0] *= 2;
  device.make(store, 2);
  const double after_one = device.planned(store, 2) / device.taken(2);
  EXPECT_LT(after_one, 0.9) << "one slow run may be another program's fault";
  for (int i = 0; i < 6; ++i) device.make(store, 2);
  EXPECT_GT(device.planned(store, 2) / device.taken(2), 0.85);
}

TEST(Learning, KeepsTheBytesThatWereMeasured) {
  const TemporaryFolder folder;
  CostStore store(folder.path);
  const Device device;
  CostSample profiled;
  profiled.stage = "paint";
  profiled.size = "2";
  profiled.weight_bytes = 77 << 20;
  profiled.workspace_bytes = 5 << 20;
  profiled.speed = 100;
  profiled.seconds = 1;
  store.add("A card", {profiled});
  device.make(store, 2);
  device.make(store, 3);
  const StageMode mode = device.fitted(store, 2)[0].modes[0];
  EXPECT_EQ(mode.weight_bytes, 77 << 20);
  EXPECT_NEAR(double(mode.workspace(1)), 5 << 20, 1);
}

TEST(Learning, OfASharedStageTheWorkOfAllCounts) {
  Worker fast, slow;
  fast.name = "cuda:0", slow.name = "cuda:1";
  fast.product = "fast", slow.product = "slow";
  fast.speed = 30, slow.speed = 10;
  StageRun run{.stage = "paint", .worker = "cuda:0+cuda:1", .seconds = 1};
  run.devices = {{.worker = "cuda:0", .computing = 0.9, .waiting = 0.1},
                 {.worker = "cuda:1", .computing = 0.9}};
  const auto samples = samples_of(std::vector{run}, {fast, slow}, {fast, slow}, Device::stages(1), "1");
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_NEAR(samples.at("fast").at(0).seconds, 0.9 + 0.9 / 3, 1e-9);
}

TEST(Learning, CopiesTellTheSpeedOfLinks) {
  const TemporaryFolder folder;
  CostStore store(folder.path);
  Worker a, b;
  a.name = "cuda:0", b.name = "cuda:1";
  a.product = b.product = "A card";
  a.kind = b.kind = DeviceKind::kCuda;
  b.device = 1;
  a.links = {{1, 80e9}};
  StageRun run{.stage = "paint", .worker = "cuda:0+cuda:1", .seconds = 1};
  run.devices = {{.worker = "cuda:0", .computing = 1}, {.worker = "cuda:1", .computing = 1}};
  run.transfers = {{.from = 0, .to = 1, .bytes = 1 << 24, .seconds = 0.01},
                   {.from = 1, .to = 0, .bytes = 100, .seconds = 0.01}};
  for (const auto& [product, samples] :
       samples_of(std::vector{run}, {a, b}, {a, b}, Device::stages(1), "1")) {
    store.learn(product, samples);
  }
  std::vector<Worker> workers{a, b};
  set_measured_links(workers, store.measured());
  EXPECT_NEAR(workers[0].links.at(1), (1 << 24) / 0.01, 1) << "not what the driver promised";
  EXPECT_TRUE(workers[1].links.empty()) << "too little was copied to tell";
}

TEST(Learning, AStoreThatCannotBeWrittenLosesNothingElse) {
  const TemporaryFolder folder;
  std::ofstream(folder.path / "file") << "no folder";
  const Device device;
  CostStore store(folder.path / "file", std::chrono::seconds(0));
  for (int i = 0; i < 3; ++i) device.make(store, 2);
  EXPECT_NEAR(device.planned(store, 2) / device.taken(2), 1, 0.01) << "it knows them as long as it lives";
  EXPECT_TRUE(CostStore(folder.path / "file").measured().empty());
}

TEST(Learning, WritesOnlyNowAndThenAndAtTheEnd) {
  const TemporaryFolder folder;
  const Device device;
  CostStore store(folder.path, std::chrono::hours(1));
  device.make(store, 2);
  EXPECT_FALSE(fs::exists(store.costs_path())) << "not for each picture";
  EXPECT_NEAR(device.planned(store, 2) / device.taken(2), 1, 0.01) << "the next plan knows it all the same";
  {
    CostStore other(folder.path, std::chrono::seconds(0));  // another process, which writes at once
    device.make(other, 3);
    EXPECT_TRUE(fs::exists(store.costs_path()));
  }
  store.keep();
  const CostStore next_process(folder.path);
  EXPECT_EQ(next_process.measured().at("A card").size(), 4U)
      << "two stages in two sizes: neither lost the other's";
  EXPECT_EQ(next_process.measured().at("A card").front().runs, 1);
  store.keep();
  EXPECT_EQ(CostStore(folder.path).measured().at("A card").front().runs, 1) << "nothing is counted twice";
}

TEST(Learning, CountsACallThatIsWrittenLaterAsOneMore) {
  const TemporaryFolder folder;
  Device device;
  CostStore at_once(folder.path / "a", std::chrono::seconds(0)),
      later(folder.path / "b", std::chrono::hours(1));
  for (const double factor : {3.0, 4.0, 5.0, 9.0, 9.0, 2.0}) {
    device.factor[0] = factor;
    device.make(at_once, 2);
    device.make(later, 2);
  }
  later.keep();
  EXPECT_NEAR(device.planned(at_once, 2), device.planned(later, 2), 1e-9);
}

class ReportsOfTime : public ExecutorTest {};

TEST_F(ReportsOfTime, SayWhereTheTimeOfAStageWent) {
  add_stage(100, 10);
  Executor executor(workers({1000}), stages());
  const Plan made = find_plan(workers({1000}), profiles_, {});
  const auto first = run(executor, made, 1), second = run(executor, made, 1);
  const StageRun& cold = first[0].stages.at(0);
  const StageRun& warm = second[0].stages.at(0);
  EXPECT_TRUE(cold.is_first_load);
  EXPECT_FALSE(warm.is_first_load);
  EXPECT_EQ(warm.load_seconds, 0) << "its weights are there";
  ASSERT_EQ(cold.devices.size(), 1U);
  EXPECT_EQ(cold.devices[0].worker, "worker0");
  const double told = cold.load_seconds + cold.devices[0].computing + cold.devices[0].transfer;
  EXPECT_NEAR(told, cold.seconds, 1e-6);
  EXPECT_NEAR(second[0].expected_seconds, 1, 1e-9) << "the stage's second";
  EXPECT_NEAR(first[0].expected_seconds, 1 + 100 / 1e9, 1e-9) << "its weights come from a file besides";
}

TEST_F(ReportsOfTime, CopiesAreNotComputing) {
  add_stage(0, 10);
  ExecutorOptions options;
  options.hooks.take_transfers = [] {
    return std::vector<DeviceCopy>{{.from = 0, .to = 1, .bytes = 8, .seconds = 1e-9}};
  };
  Executor executor(workers({1000}), stages(), options);
  const auto made = run(executor, find_plan(workers({1000}), profiles_, {}), 1);
  const StageRun& report = made[0].stages.at(0);
  EXPECT_NEAR(report.devices.at(0).transfer, 1e-9, 1e-15);
  ASSERT_EQ(report.transfers.size(), 1U);
  EXPECT_EQ(report.transfers[0].to, 1);
}

}  // namespace
}  // namespace relievo
