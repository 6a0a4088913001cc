#include "runtime/machine/machine.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../gpu_facts.h"
#include "../../test_data.h"
#include "runtime/machine/needed_library.h"
#include "runtime/machine/nvml.h"

namespace relievo {
namespace {

TEST(CheckStack, IsSilentWhereAllFits) {
  EXPECT_TRUE(check_stack(good_gpu_machine()).empty());
  EXPECT_TRUE(check_stack({}).empty()) << "a machine without GPU and with the CPU-only runtime";
}

struct Misfit {
  const char* what;
  void (*change)(StackFacts&);
  bool fatal;
  const char* hint;
};

class CheckStackMisfits : public testing::TestWithParam<Misfit> {};

TEST_P(CheckStackMisfits, GetAHint) {
  StackFacts facts = good_gpu_machine();
  GetParam().change(facts);
  const auto findings = check_stack(facts);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].fatal, GetParam().fatal);
  EXPECT_THAT(findings[0].what, testing::HasSubstr(GetParam().what));
  EXPECT_THAT(findings[0].hint, testing::HasSubstr(GetParam().hint));
}

INSTANTIATE_TEST_SUITE_P(
    All, CheckStackMisfits,
    testing::Values(
        Misfit{"no NVIDIA driver", [](StackFacts& f) { f.nvml_found = false; }, true, "580"},
        Misfit{"do not fit each other", [](StackFacts& f) { f.nvml_error = "NVML does not start"; }, true,
               "Restart"},
        Misfit{"sees no GPU", [](StackFacts& f) { f.gpus = 0; }, true, "container"},
        Misfit{"CPU-only", [](StackFacts& f) { f.torch_cuda.reset(); }, true, "CUDA runtime"},
        Misfit{"libcudart is missing", [](StackFacts& f) { f.runtime_cuda.reset(); }, true, "again"},
        Misfit{"built for CUDA 13", [](StackFacts& f) { f.runtime_cuda = 12080; }, true, "one set"},
        Misfit{"driver 575 is too old", [](StackFacts& f) { f.driver_version[0] = 575; }, true, "580"},
        Misfit{"too old for CUDA 13", [](StackFacts& f) { f.driver_cuda = 12090; }, true, "580"},
        Misfit{"CUDA does not start: unknown error (999).",
               [](StackFacts& f) { f.cuda_error = "unknown error (999)"; }, true, "Restart"},
        Misfit{"The driver has 2 GPUs, and CUDA shows none (the environment's CUDA_VISIBLE_DEVICES is '7').",
               [](StackFacts& f) {
                 f.shown_gpus = 0;
                 f.visible_devices = "7";
               },
               true, "Name GPUs that are there"},
        Misfit{"and CUDA shows none.", [](StackFacts& f) { f.shown_gpus = 0; }, true, "--gpus all"},
        Misfit{"no longer reaches 1 of 2 GPUs", [](StackFacts& f) { f.lost_gpus = 1; }, false, "Xid"},
        Misfit{"no longer reaches 2 of 2 GPUs",
               [](StackFacts& f) {
                 f.lost_gpus = 2;
                 f.shown_gpus = 0;
               },
               true, "Xid"},
        Misfit{"MIG mode and was not cut", [](StackFacts& f) { f.gpus_without_parts = 1; }, false, "-cgi"},
        Misfit{"MIG mode and was not cut",
               [](StackFacts& f) {
                 f.gpus_without_parts = 2;
                 f.shown_gpus = 0;
               },
               true, "-mig 0"},
        Misfit{"compute capability 6.1", [](StackFacts& f) { f.lowest_compute = 61; }, false, "left out"}));

TEST(CheckStack, AcceptsTheOlderDriverForTheOlderCuda) {
  StackFacts facts = good_gpu_machine();
  facts.driver_version[0] = 535;
  facts.driver_cuda = 12020;
  facts.runtime_cuda = facts.torch_cuda = 12060;
  EXPECT_TRUE(check_stack(facts).empty());
}

TEST(Machine, GpusOfABrokenStackAreNoSources) {
  Machine machine;
  machine.facts = good_gpu_machine();
  machine.gpus.resize(2);
  machine.gpus[1].free_bytes = int64_t{24} << 30;
  const int64_t without_context = (int64_t{24} << 30) - (int64_t{600} << 20);
  EXPECT_THAT(machine.sources().gpu_free_bytes, testing::ElementsAre(0, without_context));
  machine.gpus[1].compute_major = 6;
  EXPECT_THAT(machine.sources().gpu_free_bytes, testing::ElementsAre(0, 0)) << "too old";
  machine.facts.driver_version[0] = 470;
  EXPECT_TRUE(machine.sources().gpu_free_bytes.empty());
}

TEST(Machine, CudasOwnNeedsAreTakenOffOnceOnly) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  GpuInfo gpu;
  gpu.free_bytes = 5000 * kMiB;
  EXPECT_EQ(gpu.usable_bytes(), 4400 * kMiB) << "they are still to come";
  gpu.own_bytes = 0;
  EXPECT_EQ(gpu.usable_bytes(), 5000 * kMiB) << "they are in what is used";
  gpu.own_bytes = 3000 * kMiB;
  EXPECT_EQ(gpu.usable_bytes(), 8000 * kMiB) << "what the allocator keeps is this process's own";
  gpu.free_bytes = 100 * kMiB;
  gpu.own_bytes.reset();
  EXPECT_EQ(gpu.usable_bytes(), 0);

  Machine machine;
  machine.facts = good_gpu_machine();
  machine.gpus.resize(2);
  machine.gpus[0].free_bytes = 100 * kMiB;
  machine.gpus[0].own_bytes = 7000 * kMiB;
  machine.gpus[1].free_bytes = 100 * kMiB;
  EXPECT_THAT(machine.sources().gpu_free_bytes, testing::ElementsAre(7100 * kMiB, 0));
}

struct LeftOut {
  int compute_major, free_gib;
  const char* why;
};

class LeftOutGpus : public testing::TestWithParam<LeftOut> {};

TEST_P(LeftOutGpus, AreToldWhyAndAreNoSources) {
  Machine machine;
  machine.facts = good_gpu_machine();
  GpuInfo gpu;
  gpu.compute_major = GetParam().compute_major;
  gpu.free_bytes = int64_t{GetParam().free_gib} << 30;
  gpu.others_bytes = (int64_t{80} << 30) - gpu.free_bytes;
  machine.gpus = {gpu};
  EXPECT_THAT(machine.why_left_out(gpu), testing::HasSubstr(GetParam().why));
  EXPECT_EQ(machine.why_left_out(gpu).empty(), !machine.sources().usable_gpus().empty());
}

INSTANTIATE_TEST_SUITE_P(All, LeftOutGpus,
                         testing::Values(LeftOut{9, 80, ""},
                                         LeftOut{6, 80, "compute capability is 6.0, and 7.5"},
                                         LeftOut{9, 0, "of its memory are free, other programs hold"}));

TEST(Machine, TellsWorkersWhatEachDeviceIsFastIn) {
  Machine machine;
  machine.facts = good_gpu_machine();
  machine.gpus.resize(2);
  machine.gpus[1].compute_major = 7;
  machine.gpus[1].compute_minor = 5;
  machine.cpu.half = "bf16";
  EXPECT_THAT(machine.sources().gpu_computes, testing::ElementsAre(0, 75));
  EXPECT_EQ(machine.sources().cpu_half, "bf16");
}

TEST(Machine, GpusOfABrokenStackAreLeftOutForItsReason) {
  Machine machine;
  machine.facts = good_gpu_machine();
  machine.facts.torch_cuda.reset();
  EXPECT_THAT(machine.why_left_out(GpuInfo{}), testing::HasSubstr("CPU-only"));
}

TEST(Machine, GpusOfOtherMakersAreFoundOnTheBus) {
  const std::filesystem::path bus = std::filesystem::path(testing::TempDir()) / "relievo_pci_devices";
  std::filesystem::remove_all(bus);
  const auto add = [&](const char* name, const char* kind, const char* vendor) {
    std::filesystem::create_directories(bus / name);
    std::ofstream(bus / name / "class") << kind << "\n";
    std::ofstream(bus / name / "vendor") << vendor << "\n";
  };
  EXPECT_TRUE(gpu_makers(bus).empty()) << "there is no such folder";
  add("0000:00:02.0", "0x030000", "0x8086");
  add("0000:03:00.0", "0x030000", "0x1002");
  add("0000:04:00.0", "0x038000", "0x1002");
  add("0000:05:00.0", "0x040300", "0x10de");  // sound
  add("0000:06:00.0", "0x030000", "0x1af4");  // of a virtual machine
  EXPECT_THAT(gpu_makers(bus), testing::ElementsAre("AMD", "Intel"));
}

TEST(Machine, GpusAreNumberedAsCudaDoes) {
  std::vector<GpuInfo> gpus(3);
  gpus[0].bus_id = "00000000:17:00.0";
  gpus[1].bus_id = "00000000:65:00.0";
  gpus[2].bus_id = "00000000:CA:00.0";
  for (int i = 0; i < 3; ++i) gpus[size_t(i)].index = i;
  const auto seen = in_cuda_order(gpus, {"0000:ca:00.0", "0000:17:00.0"});  // fastest first, one hidden
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].bus_id, gpus[2].bus_id);
  EXPECT_EQ(seen[0].index, 0);
  EXPECT_EQ(seen[1].bus_id, gpus[0].bus_id);
  EXPECT_EQ(seen[1].index, 1);
  EXPECT_EQ(in_cuda_order(gpus, {"0000:99:00.0"}).size(), 3u) << "NVML and CUDA do not mean the same";
}

/// In MIG mode CUDA shows the parts of a card as devices with one bus id.
TEST(Machine, PartsOfACardAreToldFromEachOther) {
  std::vector<GpuInfo> gpus(3);
  for (GpuInfo& gpu : gpus) gpu.bus_id = "00000000:17:00.0";
  gpus[0].part_uuid = "a";
  gpus[1].part_uuid = "b";
  gpus[2].bus_id = "00000000:65:00.0";
  const auto seen = in_cuda_order(gpus, {"0000:65:00.0", "0000:17:00.0"}, {"c", "b"});
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].part_uuid, "");
  EXPECT_EQ(seen[1].part_uuid, "b");
  EXPECT_EQ(seen[1].index, 1);
  const auto in_order = in_cuda_order(gpus, {"0000:17:00.0", "0000:17:00.0"});
  ASSERT_EQ(in_order.size(), 2u);
  EXPECT_EQ(in_order[0].part_uuid, "a");
  EXPECT_EQ(in_order[1].part_uuid, "b");
}

TEST(Machine, LostGpusAndCardsWithoutPartsAreNoSources) {
  Machine machine;
  machine.facts = good_gpu_machine();
  machine.gpus.resize(2);
  for (GpuInfo& gpu : machine.gpus) gpu.free_bytes = int64_t{24} << 30;
  machine.gpus[0].is_lost = true;
  machine.gpus[1].lacks_parts = true;
  EXPECT_TRUE(machine.sources().usable_gpus().empty());
  EXPECT_EQ(machine.why_left_out(machine.gpus[0]), "the driver no longer reaches it.");
  EXPECT_EQ(machine.why_left_out(machine.gpus[1]), "it is in MIG mode and was not cut into parts.");
}

TEST(Machine, KnowsItsOwnProcessor) {
  const Machine machine = find_machine();
  EXPECT_GE(machine.cpu.threads, 1);
  EXPECT_GT(machine.cpu.free_bytes, 0);
  EXPECT_LE(machine.cpu.free_bytes, machine.cpu.total_bytes);
}

TEST(Machine, KnowsForWhichCudaTorchIsBuilt) {
  // Beside this test: a libtorch_cuda that is linked with another runtime than the one here.
  const Machine machine = find_machine(RELIEVO_OTHER_CUDA);
  EXPECT_EQ(machine.facts.torch_cuda, 12000);
  EXPECT_FALSE(find_machine(test_data()).facts.torch_cuda) << "there is none";
}

TEST(NeededLibrary, IsReadFromTheFile) {
  const std::string library = RELIEVO_OTHER_CUDA "/libtorch_cuda.so";
  EXPECT_EQ(needed_library(library, "libcudart.so."), "libcudart.so.12");
  EXPECT_FALSE(needed_library(library, "libnccl.so"));
  EXPECT_FALSE(needed_library(__FILE__, "libcudart.so."));
  EXPECT_FALSE(needed_library("/no/such/file", "libcudart.so."));
}

TEST(Nvml, AbsenceIsFine) {
  const NvmlReport report = ask_nvml("libthere-is-no-such-nvml.so.1");
  EXPECT_FALSE(report.found);
  EXPECT_TRUE(report.error.empty());
}

TEST(Nvml, ALibraryWithoutItsFunctionsIsAnError) {
  const NvmlReport report = ask_nvml("libm.so.6");
  EXPECT_TRUE(report.found);
  EXPECT_FALSE(report.error.empty());
}

}  // namespace
}  // namespace relievo
