#include "runtime/machine/links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../expect_error.h"
#include "runtime/machine/machine.h"
#include "runtime/machine/nvml.h"

namespace relievo {
namespace {

const GpuLink& link_between(const std::vector<GpuInfo>& gpus, size_t from, size_t to) {
  return *std::ranges::find(gpus[from].links, gpus[to].bus_id, &GpuLink::bus_id);
}

TEST(Links, AreFoundByNvmlForEveryPair) {
  const std::vector<GpuInfo> gpus = ask_nvml(RELIEVO_STAND_IN_NVML).gpus;
  ASSERT_EQ(gpus.size(), 5U);
  const GpuLink& nvlink = link_between(gpus, 0, 1);
  EXPECT_EQ(nvlink.kind, LinkKind::kNvLink);
  EXPECT_EQ(nvlink.lanes, 4);
  EXPECT_NEAR(nvlink.bytes_per_second, 80e9, 1) << "four fifths of 4 x 25 GB/s";
  EXPECT_EQ(link_between(gpus, 1, 2).kind, LinkKind::kPcieSwitch);
  EXPECT_EQ(link_between(gpus, 0, 2).kind, LinkKind::kPeer);
  const double eight_lanes = 0.8 * 8 * 1.969e9, sixteen = 2 * eight_lanes;
  EXPECT_NEAR(link_between(gpus, 0, 2).bytes_per_second, eight_lanes, 1e6) << "the slower end";
  EXPECT_EQ(link_between(gpus, 0, 3).kind, LinkKind::kNuma);
  EXPECT_NEAR(link_between(gpus, 0, 3).bytes_per_second, sixteen / 2, 1e6) << "in to the host, and out again";
  EXPECT_EQ(link_between(gpus, 0, 4).kind, LinkKind::kHost);
  EXPECT_EQ(link_between(gpus, 0, 4).bytes_per_second, 0) << "the driver does not tell the other's";
}

TEST(Links, KeepTheirGpusWhenCudaNumbersThemOtherwise) {
  Machine machine;
  machine.gpus =
      in_cuda_order(ask_nvml(RELIEVO_STAND_IN_NVML).gpus, {"0000:03:00.0", "0000:02:00.0", "0000:01:00.0"});
  machine.facts.nvml_found = true;
  machine.facts.runtime_cuda = machine.facts.torch_cuda = machine.facts.driver_cuda = 13000;
  machine.facts.driver_version[0] = 580;
  machine.facts.gpus = 3;
  for (GpuInfo& gpu : machine.gpus) gpu.free_bytes = int64_t{8} << 30;
  const auto workers = parse_workers("cuda", machine.sources());
  EXPECT_NEAR(bytes_between(workers[1], workers[2]), 80e9, 1) << "the two A100";
  EXPECT_LT(bytes_between(workers[0], workers[1]), 20e9);
  EXPECT_EQ(workers[0].links.size(), 2U) << "those that CUDA shows";
}

TEST(Links, OfImaginaryMachinesAreGiven) {
  auto workers = parse_imaginary_workers("3x8GiB");
  EXPECT_EQ(bytes_between(workers[0], workers[1]), workers[0].host_bytes_per_second);
  set_links(workers, {"all=25", "8GiB#0+8GiB#2=300"});
  EXPECT_EQ(bytes_between(workers[0], workers[1]), 25e9);
  EXPECT_EQ(bytes_between(workers[2], workers[0]), 300e9);
  for (const char* bad :
       {"8GiB#0=3", "8GiB#0+8GiB#0=3", "8GiB#0+9GiB#1=3", "all=0", "all=x", "all", "=3", ""}) {
    expect_error(ErrorCode::kInvalidSettings, bad, [&] { set_links(workers, {bad}); });
  }
}

TEST(Links, OnOneDeviceThereIsNothingToCopy) {
  const auto cpu = parse_workers("cpu*2", {4, int64_t{8} << 30, {}});
  EXPECT_TRUE(share_memory(cpu[0], cpu[1]));
  const auto gpus = parse_imaginary_workers("2x8GiB");
  EXPECT_FALSE(share_memory(gpus[0], gpus[1]));
}

}  // namespace
}  // namespace relievo
