// The engine on the stand-in's devices, from what people type to what they are told.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "../engine/tiny_pipeline.h"
#include "engine/machine.h"
#include "fake_cuda.h"

namespace relievo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kGiB = int64_t{1} << 30;

class EngineOnFakeGpus : public TinyPipelineTest {
 protected:
  ~EngineOnFakeGpus() override { EXPECT_THAT(fake_cuda::take_findings(), IsEmpty()); }
};

TEST_F(EngineOnFakeGpus, DevicesAreListedAndTheTooOldLeftOut) {
  fake_cuda::set_devices(
      {{.bytes = 24 * kGiB}, {.bytes = 16 * kGiB, .compute_major = 7, .compute_minor = 0}});
  const auto devices = find_devices();
  ASSERT_EQ(devices.size(), 3u);
  EXPECT_EQ(devices[0].device, "cuda:0");
  EXPECT_EQ(devices[0].total_bytes, 24 * kGiB);
  EXPECT_THAT(devices[0].note, IsEmpty());
  EXPECT_THAT(devices[1].note, HasSubstr("7.0"));
  EXPECT_THAT(Engine(EngineOptions()).workers(), ElementsAre("cuda:0"));
}

TEST_F(EngineOnFakeGpus, ByItselfItTakesEveryGpu) {
  fake_cuda::set_devices({{.bytes = 12 * kGiB}, {.bytes = 8 * kGiB}});
  Engine engine(tiny_options(""));
  EXPECT_THAT(engine.workers(), ElementsAre("cuda:0", "cuda:1"));
  std::vector<Job> jobs;
  for (const int kind : {0, 1}) jobs.push_back(engine.submit(tiny_request(kind)));
  for (const Job& job : jobs) {
    ASSERT_TRUE(job.wait(120));
    ASSERT_NE(job.result(), nullptr) << job.error()->what();
  }
  EXPECT_GT(fake_cuda::operations(0) + fake_cuda::operations(1), 0);
}

TEST_F(EngineOnFakeGpus, PartsOfADeviceAndABudget) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
  for (const char* devices : {"cuda:0*2", "cuda:0@6GiB", "cuda:0,cpu@3GiB"}) {
    SCOPED_TRACE(devices);
    Engine engine(tiny_options(devices));
    const Job first = engine.submit(tiny_request(0)), second = engine.submit(tiny_request(1));
    for (const Job& job : {first, second}) {
      ASSERT_TRUE(job.wait(120));
      ASSERT_NE(job.result(), nullptr) << job.error()->what();
    }
  }
}

/// Before Ampere there is no attention in bfloat16 that does without the matrix of scores.
TEST_F(EngineOnFakeGpus, EachComputesInThePrecisionThatItIsFastIn) {
  for (const auto& [major, precision] : {std::pair{7, "fp16"}, {8, "bf16"}}) {
    SCOPED_TRACE(precision);
    fake_cuda::set_devices({{.bytes = 16 * kGiB, .compute_major = major, .compute_minor = 5}});
    {
      Engine engine(tiny_options("cuda:0"));
      GenerateRequest request = tiny_request();
      request.settings.precision = "auto";
      const Job job = engine.submit(request);
      ASSERT_TRUE(job.wait(120));
      ASSERT_NE(job.result(), nullptr) << job.error()->what();
      std::map<std::string, std::string> by_stage;
      for (const auto& stage : job.result()->stages) by_stage[stage.name] = stage.precision;
      EXPECT_EQ(by_stage["diffusion"], precision);
    }
    auto operations = fake_cuda::operations_by_name(0);
    EXPECT_GT(operations["aten::_scaled_dot_product_flash_attention_for_cpu"], 0);
    EXPECT_EQ(operations["aten::_softmax"], 0) << "scores were kept";
  }
}

/// A budget is the allocator's limit: what does not fit is refused, and a fallback taken.
TEST_F(EngineOnFakeGpus, ABudgetIsKept) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
  Engine engine(tiny_options("cuda:0@6GiB"));
  const Job job = engine.submit(tiny_request());
  ASSERT_TRUE(job.wait(120));
  ASSERT_NE(job.result(), nullptr) << job.error()->what();
  const at::TensorOptions bytes = at::TensorOptions(at::Device(at::kCUDA, 0)).dtype(at::kByte);
  EXPECT_NO_THROW(at::empty({kGiB}, bytes));
  EXPECT_THROW(at::empty({7 * kGiB}, bytes), c10::OutOfMemoryError);
}

TEST_F(EngineOnFakeGpus, ALostDeviceEndsTheJobAndSaysSo) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
  {
    Engine engine(tiny_options("cuda:0"));
    fake_cuda::fail_operation(0, 300);
    const Job job = engine.submit(tiny_request());
    ASSERT_TRUE(job.wait(120));
    ASSERT_TRUE(job.error());
    EXPECT_EQ(job.error()->code(), ErrorCode::kDeviceLost) << job.error()->what();
  }
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
}

}  // namespace
}  // namespace relievo
