#include "verify/gpu_check.h"

#include <filesystem>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "../expect_error.h"
#include "../test_data.h"
#include "base/error.h"
#include "nn/tensors.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

TEST(GpuCheck, PassesOnTheCpuBesideItself) {
  std::vector<std::string> told;
  const auto lines = check_device("cpu", {}, [&](const DeviceCheck& line) { told.push_back(line.name); });
  EXPECT_EQ(lines.size(), 9u);
  ASSERT_EQ(told.size(), lines.size());
  for (const DeviceCheck& line : lines) {
    EXPECT_TRUE(line.ok()) << line.name << ": " << line.number << " " << line.unit << " " << line.error;
    EXPECT_EQ(line.device, "cpu");
  }
}

// A device that computes nothing stands for one that computes wrongly: each check says so and the next goes
// on.
TEST(GpuCheck, SaysWhatFailedAndGoesOn) {
  const auto lines = check_device("meta", {});
  EXPECT_EQ(lines.size(), 9u);
  for (const DeviceCheck& line : lines) {
    EXPECT_FALSE(line.ok()) << line.name;
    EXPECT_FALSE(line.error.empty()) << line.name;
  }
}

TEST(GpuCheck, ALimitMayBeTheLowestAllowedNumber) {
  DeviceCheck line{.device = "cpu", .name = "", .number = 2, .limit = 3, .unit = "", .error = {}};
  EXPECT_TRUE(line.ok());
  line.is_at_least = true;
  EXPECT_FALSE(line.ok());
  line.number = 3;
  EXPECT_TRUE(line.ok());
  line.error = "It was lost.";
  EXPECT_FALSE(line.ok());
}

Worker cpu_worker() {
  Worker worker;
  worker.name = "cpu";
  worker.budget_bytes = int64_t{8} << 30;
  return worker;
}

/// A folder that goes with the test.
class InScratch : public testing::Test {
 protected:
  InScratch() { fs::create_directories(folder_); }
  ~InScratch() override { fs::remove_all(folder_); }
  const fs::path folder_ =
      fs::temp_directory_path() / ("relievo-gpu-check-test-" + std::to_string(::getpid()));
};
using GoldenOnADevice = InScratch;
using PipelineOnADevice = InScratch;

TEST_F(GoldenOnADevice, AgreesInFloat32AndInHalfPrecision) {
  const auto lines = check_golden(cpu_worker(), test_data() / "golden" / "triplane_transformer", {});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].name, "golden in float32");
  EXPECT_EQ(lines[1].name, "golden in half precision");
  for (const DeviceCheck& line : lines) {
    EXPECT_TRUE(line.ok()) << line.name << ": " << line.number << " " << line.note << line.error;
    EXPECT_GT(line.number, 0);
  }
}

/// What a device computes is compared with the fixture's own numbers: one that is another is found.
TEST_F(GoldenOnADevice, AnotherNumberFailsInBothPrecisions) {
  const fs::path changed = folder_ / "triplane_transformer";
  fs::copy(test_data() / "golden" / "triplane_transformer", changed);
  const TensorFile file =
      read_safetensors(test_data() / "golden" / "triplane_transformer" / "io.safetensors");
  auto tensors = file.tensors;
  const at::Tensor planes = tensor_view(file, "b1/planes").clone() * 1.1;
  tensors["b1/planes"].bytes = {static_cast<const std::byte*>(planes.const_data_ptr()), planes.nbytes()};
  write_safetensors(changed / "io.safetensors", tensors);
  for (const DeviceCheck& line : check_golden(cpu_worker(), changed, {})) {
    EXPECT_FALSE(line.ok()) << line.name << ": " << line.number;
    EXPECT_THAT(line.note, testing::HasSubstr("b1/planes")) << line.name;
  }
}

TEST_F(GoldenOnADevice, AFolderWithoutCasesIsSaid) {
  for (const DeviceCheck& line : check_golden(cpu_worker(), folder_, {})) {
    EXPECT_FALSE(line.ok());
    EXPECT_THAT(line.error, testing::HasSubstr(folder_.string()));
  }
}

TEST_F(PipelineOnADevice, MakesTheMeshOfTheCpu) {
  const auto lines = check_tiny_pipeline(cpu_worker(), folder_ / "models", {});
  std::vector<std::string> names;
  for (const DeviceCheck& line : lines) {
    names.push_back(line.name);
    EXPECT_TRUE(line.ok()) << line.name << ": " << line.number << " " << line.error;
  }
  EXPECT_THAT(names, testing::ElementsAre("tiny pipeline in float32", "two parts of the device",
                                          "two pictures in one batch", "tiny pipeline in half precision"));
  EXPECT_LE(lines[0].number, 1e-5) << "the CPU beside itself";
  EXPECT_GT(lines[3].number, 0) << "half precision is not float32";
  EXPECT_FALSE(fs::exists(folder_ / "models")) << "the weights are gone";
}

TEST_F(PipelineOnADevice, TellsOfMemoryAndBudgets) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  const auto lines = check_memory(cpu_worker(),
                                  {.size = ModelSize::kTiny,
                                   .folder = folder_ / "models",
                                   .budgets = {16384 * kMiB, 3072 * kMiB, 24 * kMiB}},
                                  {});
  std::vector<std::string> names;
  for (const DeviceCheck& line : lines) {
    names.push_back(line.name);
    EXPECT_TRUE(line.ok()) << line.name << ": " << line.number << " " << line.error;
  }
  EXPECT_THAT(names, testing::ElementsAre("tiny pipeline", "peak allocated", "peak reserved",
                                          "budget of 3 GiB", "budget of 0.0234375 GiB"))
      << "more than there is is not tried";
  EXPECT_GT(lines[1].number, 0);
  EXPECT_GT(lines[3].number, 0);
  EXPECT_THAT(lines[4].note, testing::HasSubstr("too little, and it says so")) << lines[4].note;
}

TEST(GuidanceStepOnADevice, TellsItsSpeed) {
  const auto lines = check_guidance_step(cpu_worker(), ModelSize::kTiny, {});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].ok()) << lines[0].error;
  EXPECT_EQ(lines[0].unit, "it/s");
  EXPECT_TRUE(lines[0].is_at_least);
}

TEST(GpuCheck, StopsWhenCancelled) {
  CancelToken cancel;
  const auto stop = [&](const DeviceCheck&) { cancel.cancel(); };
  expect_error(ErrorCode::kCancelled, "", [&] { check_device("cpu", {{}, cancel}, stop); });
}

}  // namespace
}  // namespace relievo
