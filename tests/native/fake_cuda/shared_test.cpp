// GPUs share a picture in every stage, and weights are streamed to them.
#include <gmock/gmock.h>

#include "fake_cuda.h"
#include "near_mesh.h"

namespace relievo {
namespace {

class SharedOnFakeGpus : public TinyPipelineTest {
 protected:
  SharedOnFakeGpus() { fake_cuda::set_devices({{}, {}}); }
  ~SharedOnFakeGpus() override { EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty()); }

  static std::vector<Worker> two_gpus() {
    std::vector<Worker> workers(2);
    for (int i = 0; i < 2; ++i) {
      Worker& worker = workers[static_cast<size_t>(i)];
      worker.name = "cuda:" + std::to_string(i);
      worker.kind = DeviceKind::kCuda;
      worker.device = i;
      worker.budget_bytes = int64_t{1} << 40;
      worker.speed = 1;  // slow, so that tiny work is worth sharing
    }
    return workers;
  }

  /// The diffusion by strips, all else as it is planned.
  static void share_by_strips(TinyPipeline& pipeline) {
    const auto names = pipeline.stage_names();
    pipeline.adapt = [names](Plan& plan) {
      DeviceGroup& group = plan.groups.at(0);
      for (StagePlacement& placement : group.stages) {
        if (names[static_cast<size_t>(placement.stage)] != "diffusion") continue;
        placement.workers = group.workers;
        placement.part_kind = PartKind::kStrips;
        placement.parts = {1, 1};
      }
    };
  }
};

TEST_F(SharedOnFakeGpus, TheyMakeTheMeshOfTheCpu) {
  for (const bool by_strips : {false, true}) {
    SCOPED_TRACE(by_strips ? "strips" : "halves");
    fake_cuda::set_devices({{}, {}});
    {
      TinyPipeline pipeline(two_gpus(), Strategy::kGuidance, Until::kMesh);
      if (by_strips) share_by_strips(pipeline);
      std::mutex mutex;
      std::map<std::string, std::set<std::string>> inside;  // workers by stage
      pipeline.watch = [&](const std::string& stage, Moment moment, const Worker& worker) {
        const std::lock_guard lock(mutex);
        if (moment == Moment::kInside) inside[stage].insert(worker.name);
      };
      const Made made = pipeline.make_one({tiny_request()});
      ASSERT_FALSE(made.error) << made.error->what();
      expect_near(made.bits(), reference(0, 7, Until::kMesh));
      for (const char* stage : {"condition", "diffusion", "decode", "reconstruct"}) {
        EXPECT_EQ(inside[stage].size(), 2U) << stage;
      }
    }
    EXPECT_EQ(fake_cuda::allocated_bytes(0), 0);
    EXPECT_EQ(fake_cuda::allocated_bytes(1), 0);
    EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty());
  }
}

TEST_F(SharedOnFakeGpus, OneThatIsLostLeavesThePictureToTheOther) {
  for (const char* stage : {"condition", "diffusion", "decode", "reconstruct"}) {
    SCOPED_TRACE(stage);
    fake_cuda::set_devices({{}, {}});
    TinyPipeline pipeline(two_gpus(), Strategy::kGuidance);
    share_by_strips(pipeline);
    std::atomic<bool> is_set = false;
    pipeline.watch = [&, stage = std::string(stage)](const std::string& now, Moment moment,
                                                     const Worker& worker) {
      if (now == stage && moment == Moment::kInside && worker.device == 1 && !is_set.exchange(true))
        fake_cuda::fail_operation(1, 20);
    };
    const Made made = pipeline.make_one({tiny_request()});
    ASSERT_FALSE(made.error) << made.error->what();
    EXPECT_TRUE(is_set);
    EXPECT_EQ(pipeline.executor().lost_workers(), std::vector<int>{1});
    expect_near(made.bits(), reference());
  }
}

TEST_F(SharedOnFakeGpus, StreamedWeightsComeFromPinnedMemoryAndGoAgain) {
  fake_cuda::set_devices({{}});
  std::vector<Worker> one = two_gpus();
  one.pop_back();
  TinyPipeline pipeline(one, Strategy::kSingle, Until::kSurface);
  pipeline.adapt = [&](Plan& plan) {
    pipeline.force(plan.groups.at(0), {.chunked = true, .tiled = true, .streamed = true});
  };
  std::vector<int64_t> bytes;
  for (int i = 0; i < 2; ++i) {
    const Made made = pipeline.make_one({tiny_request(i)});
    ASSERT_FALSE(made.error) << made.error->what();
    expect_near(made.bits(), reference(i));
    bytes.push_back(fake_cuda::pinned_bytes(0));
  }
  EXPECT_GT(bytes[0], 0);
  EXPECT_GT(bytes[1], bytes[0]) << "they come again for the next picture";
}

/// What the first card has not, the second one has: nothing is made worse.
TEST_F(SharedOnFakeGpus, MemoryThatIsShortIsSoughtOnTheOther) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  std::vector<Worker> workers = two_gpus();
  workers[0].budget_bytes = kGiB + kGiB / 2;
  workers[1].budget_bytes = 6 * kGiB;
  fake_cuda::set_devices({{.bytes = 2 * kGiB}, {.bytes = 8 * kGiB}});
  TinyPipeline pipeline(workers, Strategy::kAuto, Until::kSurface);
  GenerateRequest request = tiny_request();
  request.settings.precision = "bf16";
  pipeline.watch = [](const std::string& stage, Moment moment, const Worker& worker) {
    if (stage == "decode" && moment == Moment::kStart && worker.device == 0)
      throw Error(ErrorCode::kOutOfMemory, "no room");
  };
  const auto made = pipeline.make({{request}, {request}, {request}});
  for (const Made& one : made) {
    ASSERT_FALSE(one.error) << one.error->what();
    EXPECT_EQ(one.delivered, 1);
    for (const std::string& note : one.notes) EXPECT_EQ(note.find("differs"), std::string::npos) << note;
  }
}

}  // namespace
}  // namespace relievo
