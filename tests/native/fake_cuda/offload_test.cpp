// Under offload the engine's stages take their weights from pinned memory of the host.
#include <gmock/gmock.h>

#include "../engine/tiny_pipeline.h"
#include "fake_cuda.h"

namespace relievo {
namespace {

class OffloadOnFakeGpu : public TinyPipelineTest {};

/// The bytes that came from pinned memory for pictures made one after the other.
std::vector<int64_t> pinned_bytes(Strategy strategy) {
  fake_cuda::set_devices({{}});
  Worker worker;
  worker.name = "cuda:0";
  worker.kind = DeviceKind::kCuda;
  worker.budget_bytes = int64_t{1} << 40;
  worker.speed = kGpuSpeed;
  TinyPipeline pipeline({worker}, strategy, Until::kSurface);
  std::vector<int64_t> bytes;
  for (int i = 0; i < 3; ++i) {
    const Made made = pipeline.make_one({tiny_request(i)});
    EXPECT_FALSE(made.error) << made.error->what();
    bytes.push_back(fake_cuda::pinned_bytes(0));
  }
  return bytes;
}

TEST_F(OffloadOnFakeGpu, WeightsComeFromPinnedMemoryForEveryPicture) {
  const auto bytes = pinned_bytes(Strategy::kOffload);
  EXPECT_GT(bytes[0], 0);
  EXPECT_EQ(bytes[1] - bytes[0], bytes[2] - bytes[1]);
  EXPECT_GT(bytes[1], bytes[0]);
  EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty());
}

TEST_F(OffloadOnFakeGpu, WeightsThatStayDoNotWait) {
  EXPECT_EQ(pinned_bytes(Strategy::kSingle).back(), 0);
  EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty());
}

}  // namespace
}  // namespace relievo
