// The engine on the stand-in's devices, from what people type to what they are told.
#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "engine/open_workers.h"
#include "fake_cuda.h"
#include "near_mesh.h"

namespace relievo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kGiB = int64_t{1} << 30;

class EngineOnFakeGpus : public TinyPipelineTest {
 protected:
  ~EngineOnFakeGpus() override {
    EXPECT_THAT(fake_cuda::take_findings(), IsEmpty());
    fake_cuda::set_devices({{}});
  }

  /// The job ends with the mesh that the CPU makes of this kind of picture.
  void expect_made(const Job& job, int kind = 0) {
    ASSERT_TRUE(job.wait(120));
    ASSERT_NE(job.result(), nullptr) << job.error()->what();
    expect_near(MeshBits(job.result()->mesh), reference(kind, 7, Until::kMesh));
  }
};

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

/// Whether a plan fits into it is one question, whether the pictures do is another: none is a fault of ours.
TEST_F(EngineOnFakeGpus, ASmallBudgetIsEnoughOrSaysThatItIsNot) {
  for (const int gib : {6, 4, 3, 2, 1}) {
    for (const char* precision : {"auto", "fp32"}) {
      SCOPED_TRACE(std::to_string(gib) + " GiB, " + precision);
      fake_cuda::set_devices({{.bytes = 16 * kGiB}});
      Engine engine(tiny_options("cuda:0@" + std::to_string(gib) + "GiB"));
      GenerateRequest request = tiny_request();
      request.settings.precision = precision;
      const Job job = engine.submit(request);
      ASSERT_TRUE(job.wait(120));
      if (job.result()) continue;
      EXPECT_LT(gib, 4);
      EXPECT_EQ(job.error()->code(), ErrorCode::kOutOfMemory) << job.error()->what();
      EXPECT_THAT(job.error()->hint(), testing::Not(IsEmpty()));
    }
  }
}

TEST_F(EngineOnFakeGpus, TwoInOneProcessMakeTheMeshesOfTheCpu) {
  for (const auto& [first, second] :
       {std::pair{"cuda:0", "cuda:1"}, {"cuda:0", "cuda:0"}, {"cuda:0", "cpu@3GiB"}}) {
    SCOPED_TRACE(std::string(first) + " and " + second);
    fake_cuda::set_devices({{.bytes = 16 * kGiB}, {.bytes = 16 * kGiB}});
    {
      Engine one(tiny_options(first)), other(tiny_options(second));
      std::vector<Job> jobs;
      for (const int kind : {0, 1}) {
        jobs.push_back(one.submit(tiny_request(kind)));
        jobs.push_back(other.submit(tiny_request(kind)));
      }
      for (size_t i = 0; i < jobs.size(); ++i) expect_made(jobs[i], static_cast<int>(i) / 2);
    }
    EXPECT_EQ(fake_cuda::allocated_bytes(0), 0);
    EXPECT_EQ(fake_cuda::allocated_bytes(1), 0);
    EXPECT_GT(fake_cuda::operations(0), 0);
    EXPECT_EQ(fake_cuda::operations(1) > 0, std::string(second) == "cuda:1");
  }
}

/// A device's limit is what the engines of the process may take of it together, not what the last one may.
TEST_F(EngineOnFakeGpus, TwoOnOneDeviceMayTakeWhatBothMay) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
  Engine one(tiny_options("cuda:0@8GiB"));
  expect_made(one.submit(tiny_request()));
  EXPECT_EQ(fake_cuda::limit_bytes(0), 8 * kGiB);
  {
    Engine other(tiny_options("cuda:0@4GiB"));
    expect_made(other.submit(tiny_request()));
    EXPECT_EQ(fake_cuda::limit_bytes(0), 12 * kGiB);
    expect_made(one.submit(tiny_request()));
  }
  Engine third(tiny_options("cuda:0@4GiB"));
  expect_made(third.submit(tiny_request()));
  EXPECT_EQ(fake_cuda::limit_bytes(0), 12 * kGiB) << "the second has ended";
}

TEST_F(EngineOnFakeGpus, FirstTheCpuThenAGpuAndBack) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
  for (const char* devices : {"cpu@3GiB", "cuda:0", "cpu@3GiB", "cuda:0"}) {
    SCOPED_TRACE(devices);
    const int64_t before = fake_cuda::operations(0);
    Engine engine(tiny_options(devices));
    expect_made(engine.submit(tiny_request()));
    EXPECT_EQ(fake_cuda::operations(0) > before, std::string(devices) == "cuda:0");
  }
}

/// Every picture's first step goes call by call, and the second one is recorded.
TEST_F(EngineOnFakeGpus, WithCudaGraphsItMakesTheSameMesh) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
  {
    EngineOptions options = tiny_options("cuda:0");
    options.cuda_graphs = true;
    Engine engine(options);
    for (const int64_t made : {1, 2}) {
      const Job job = engine.submit(tiny_request());
      expect_made(job);
      EXPECT_EQ(fake_cuda::operations_by_name(0)["graph"], made * (tiny_request().settings.steps - 1));
    }
  }
  EXPECT_EQ(fake_cuda::graphs(0), 0);
}

TEST_F(EngineOnFakeGpus, ALostDeviceEndsTheJobAndSaysSo) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}});
  Engine engine(tiny_options("cuda:0"));
  fake_cuda::fail_operation(0, 300);
  const Job job = engine.submit(tiny_request());
  ASSERT_TRUE(job.wait(120));
  ASSERT_TRUE(job.error());
  EXPECT_EQ(job.error()->code(), ErrorCode::kDeviceLost) << job.error()->what();
}

/// The pictures that it had begun are made by the other, the plan says so, and the next engine leaves it out.
TEST_F(EngineOnFakeGpus, ACardThatFallsOffTheBusLeavesItsPicturesToTheOther) {
  fake_cuda::set_devices({{.bytes = 16 * kGiB}, {.bytes = 16 * kGiB}});
  {
    Engine engine(tiny_options("cuda:0,cuda:1", 1, "data"));
    engine.pause();
    const Job first = engine.submit(tiny_request(0)), second = engine.submit(tiny_request(1));
    fake_cuda::fail_operation(0, 300, fake_cuda::Fault::kOffTheBus);
    engine.resume();
    expect_made(first, 0);
    expect_made(second, 1);
    const Job next = engine.submit(tiny_request(0));
    expect_made(next);
    EXPECT_THAT(next.result()->plan, HasSubstr("cuda:0 was lost: CUDA error: an illegal memory access"));
  }
  const OpenedWorkers opened = open_workers({});
  ASSERT_EQ(opened.workers.size(), 1u);
  EXPECT_EQ(opened.workers[0].name, "cuda:1");
  EXPECT_THAT(opened.left_out, ElementsAre("cuda:0 is left out: the driver no longer reaches it."));
}

}  // namespace
}  // namespace relievo
