// A device that is lost leaves its pictures to the others, under whatever name and whenever it is told.
#include <functional>

#include <gmock/gmock.h>

#include "fake_cuda.h"
#include "near_mesh.h"
#include "on_fake_gpus.h"

namespace relievo {
namespace {

/// Where each stage's operations on the first device begin and end, in an undisturbed run.
std::map<std::string, std::pair<int64_t, int64_t>> operations_of_stages() {
  std::map<std::string, std::pair<int64_t, int64_t>> ranges;
  TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh);
  pipeline.watch = [&](const std::string& stage, Moment moment, const Worker&) {
    if (moment == Moment::kStart) ranges[stage].first = fake_cuda::operations(0);
    if (moment == Moment::kEnd) ranges[stage].second = fake_cuda::operations(0);
  };
  const Made made = pipeline.make_one({tiny_request()});
  if (made.error) throw std::runtime_error(made.error->what());
  return ranges;
}

class Losses : public OnFakeGpus {
 protected:
  /// Has `lose(device)` called at this moment of the stage, on one of two devices: the other makes both
  /// pictures.
  void expect_that_the_other_makes_them(const std::string& stage, Moment when,
                                        const std::function<void(int device)>& lose) {
    fake_cuda::set_devices({{}, {}, {}});
    TinyPipeline pipeline(gpu_workers(2), Strategy::kData, Until::kMesh);
    std::mutex mutex;
    int dying = -1;
    pipeline.watch = [&](const std::string& now, Moment moment, const Worker& worker) {
      const std::lock_guard lock(mutex);
      if (now != stage || moment != when || dying >= 0) return;
      dying = worker.device;
      lose(dying);
    };
    const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}});
    EXPECT_EQ(pipeline.executor().lost_workers(), std::vector<int>{dying});
    for (int kind = 0; kind < 2; ++kind) {
      const Made& one = made[static_cast<size_t>(kind)];
      ASSERT_FALSE(one.error) << one.error->what();
      EXPECT_EQ(one.delivered, 1);
      expect_near(one.bits(), reference(kind, 7, Until::kMesh));
    }
  }
};

TEST_F(Losses, InAStageLeaveThePicturesToTheOther) {
  const auto ranges = operations_of_stages();
  ASSERT_GE(ranges.size(), 5u);
  constexpr fake_cuda::Fault kFaults[] = {fake_cuda::Fault::kIllegalAddress, fake_cuda::Fault::kCublas,
                                          fake_cuda::Fault::kUnnamed, fake_cuda::Fault::kLater,
                                          fake_cuda::Fault::kOffTheBus};
  size_t turn = 0;
  for (const auto& [stage, range] : ranges) {
    const int64_t count = range.second - range.first;
    if (count == 0) continue;  // it computes on the host
    ++turn;
    for (const auto fault : kFaults) {
      const bool is_turn = fault == kFaults[turn % std::size(kFaults)];
      if (!is_turn && !tries_every_fault()) continue;
      SCOPED_TRACE(stage + " " + std::to_string(static_cast<int>(fault)));
      expect_that_the_other_makes_them(stage, Moment::kStart, [&](int device) {
        fake_cuda::fail_operation(device, 1 + count / 2, fault);
      });
    }
  }
}

/// The words are those of no library that we know: the device is asked.
TEST_F(Losses, ThatNobodyNamesAreLosses) {
  expect_that_the_other_makes_them("diffusion", Moment::kStart, [](int device) {
    fake_cuda::fail_operation(device, 20, fake_cuda::Fault::kUnnamed);
  });
}

/// All of the stage's operations went well, and what is thrown is thrown by the wait for them.
TEST_F(Losses, ThatOnlyTheWaitTellsAreTheWorkers) {
  for (const char* stage : {"decode", "texture"}) {
    SCOPED_TRACE(stage);
    expect_that_the_other_makes_them(stage, Moment::kEnd, &fake_cuda::lose);
  }
}

/// Of the others nothing can be given back to the device, for the allocator asks them all.
TEST_F(Losses, MemoryRunsOutBesideADeviceThatIsLost) {
  TinyPipeline pipeline(gpu_workers(2), Strategy::kData, Until::kSurface);
  fake_cuda::fail_operation(0, 100);
  for (const Made& one : pipeline.make({{tiny_request(0)}, {tiny_request(1)}}))
    ASSERT_FALSE(one.error) << one.error->what();
  ASSERT_EQ(pipeline.executor().lost_workers(), std::vector<int>{0});
  constexpr int64_t kSomewhere = 500;
  fake_cuda::fail_allocation(1, kSomewhere);
  const Made made = pipeline.make_one({tiny_request()});
  ASSERT_FALSE(made.error) << made.error->what();
  expect_near(made.bits(), reference());
}

TEST_F(Losses, WithoutAnotherThePictureSaysThatTheDeviceIsLost) {
  TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kSurface);
  fake_cuda::fail_operation(0, 200);
  const Made made = pipeline.make_one({tiny_request()});
  ASSERT_TRUE(made.error);
  EXPECT_EQ(made.error->code(), ErrorCode::kDeviceLost) << made.error->what();
  EXPECT_FALSE(made.error->hint().empty());
}

/// A trap in a kernel is told by whatever asks the device next, with CUDA's words for it.
TEST_F(Losses, AKernelThatTrapsLosesTheDevice) {
  const int64_t before = fake_cuda::operations_by_name(0)["kernel"];
  ASSERT_FALSE(
      TinyPipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh).make_one({tiny_request()}).error);
  const int64_t kernels = fake_cuda::operations_by_name(0)["kernel"] - before;
  ASSERT_GT(kernels, 2);
  for (const int64_t n : {int64_t{1}, kernels / 2, kernels}) {
    SCOPED_TRACE(n);
    fake_cuda::set_devices({{}, {}, {}});
    TinyPipeline pipeline(gpu_workers(1), Strategy::kSingle, Until::kMesh);
    fake_cuda::trap_kernel(0, n);
    const Made made = pipeline.make_one({tiny_request()});
    ASSERT_TRUE(made.error);
    EXPECT_EQ(made.error->code(), ErrorCode::kDeviceLost) << made.error->what();
    EXPECT_THAT(made.error->message(), testing::AnyOf(testing::HasSubstr("unspecified launch failure"),
                                                      testing::HasSubstr("could not be launched")));
    EXPECT_THAT(made.error->hint(), testing::HasSubstr("--devices cpu"));
  }
}

}  // namespace
}  // namespace relievo
