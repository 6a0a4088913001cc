#include "runtime/machine/gpu_speed.h"

#include <gtest/gtest.h>

#include "runtime/machine/machine.h"
#include "runtime/machine/nvml.h"

namespace relievo {
namespace {

struct Sheet {
  const char* card;
  GpuBuild build;
  // TFLOP/s in float32 and in half precision with sums in float32, and GB/s, as NVIDIA publishes them.
  double single, half, memory;
};

class DataSheets : public testing::TestWithParam<Sheet> {};

TEST_P(DataSheets, FollowFromProcessorsAndClocks) {
  const GpuRates rates = data_sheet(GetParam().build);
  EXPECT_NEAR(rates.single / 1e12, GetParam().single, 0.02 * GetParam().single);
  EXPECT_NEAR(rates.half / 1e12, GetParam().half, 0.02 * GetParam().half);
  EXPECT_NEAR(rates.memory_bytes / 1e9, GetParam().memory, 0.02 * GetParam().memory);
}

INSTANTIATE_TEST_SUITE_P(
    All, DataSheets,
    testing::Values(Sheet{"T4", {75, 2560, 1590, 5001, 256}, 8.1, 65, 320},
                    Sheet{"A100 80 GB", {80, 6912, 1410, 1593, 5120}, 19.5, 312, 2039},
                    Sheet{"RTX 3090", {86, 10496, 1695, 9751, 384, 0, true}, 35.6, 71, 936},
                    Sheet{"RTX A6000", {86, 10752, 1800, 8001, 384}, 38.7, 154.8, 768},
                    Sheet{"RTX 4090", {89, 16384, 2520, 10501, 384, 0, true}, 82.6, 165.2, 1008},
                    Sheet{"H100 SXM", {90, 16896, 1830, 2619, 5120}, 61.8, 989, 3350},
                    Sheet{"RTX 5090", {120, 21760, 2407, 14001, 512, 0, true}, 104.8, 209.5, 1792}),
    [](const auto& each) {
      std::string name = each.param.card;
      std::erase(name, ' ');
      return name;
    });

TEST(GpuSpeed, IsThatOfAnA100ByDefaultAndLessForASmallerCard) {
  const GpuSpeed a100 = expected_speed(data_sheet({80, 6912, 1410, 1593, 5120}));
  EXPECT_NEAR(a100.half / (kHalfGain * kThreadOperations), kGpuSpeed, 0.02 * kGpuSpeed);
  const GpuSpeed t4 = expected_speed(data_sheet({75, 2560, 1590, 5001, 256}));
  EXPECT_GT(a100.half, 4 * t4.half);
  EXPECT_LT(a100.half, 8 * t4.half);
  EXPECT_EQ(expected_speed({}).half, 0) << "nothing is known of it";
}

TEST(Nvml, TellsWhatUnmeasuredCardsCanDo) {
  Machine machine;
  machine.gpus = ask_nvml(RELIEVO_STAND_IN_NVML).gpus;
  ASSERT_EQ(machine.gpus.size(), 5U);
  machine.facts.nvml_found = true;
  machine.facts.runtime_cuda = machine.facts.torch_cuda = 13000;
  machine.facts.driver_version[0] = 580;
  machine.facts.driver_cuda = 13000;
  machine.facts.gpus = 5;
  for (GpuInfo& gpu : machine.gpus) gpu.free_bytes = int64_t{8} << 30;
  const std::vector<Worker> workers = parse_workers("cuda", machine.sources());
  ASSERT_EQ(workers.size(), 5U);
  EXPECT_NEAR(workers[0].speed_in("bf16"), kGpuSpeed, 0.02 * kGpuSpeed);
  EXPECT_LT(workers[2].speed_in("bf16"), 0.7 * kGpuSpeed) << "an RTX 3090 has a quarter of the arithmetic";
  EXPECT_GT(workers[2].speed, workers[0].speed) << "and more of it in float32";
  EXPECT_EQ(workers[4].speed, kGpuSpeed) << "the driver does not tell";
  EXPECT_EQ(workers[4].half_gain, kHalfGain);
  EXPECT_NEAR(workers[3].host_bytes_per_second, 25.2e9, 0.1e9) << "four fifths of PCIe 4.0 x16";
}

}  // namespace
}  // namespace relievo
