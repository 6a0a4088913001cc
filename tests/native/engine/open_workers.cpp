#include "engine/open_workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relievo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

GpuInfo gpu_of(int major, int minor) {
  GpuInfo gpu;
  gpu.compute_major = major;
  gpu.compute_minor = minor;
  return gpu;
}

Machine machine_with(std::vector<GpuInfo> gpus) {
  Machine machine;
  machine.gpus = std::move(gpus);
  StackFacts& facts = machine.facts;
  facts.nvml_found = true;
  facts.driver_version[0] = 580;
  facts.driver_cuda = facts.runtime_cuda = facts.torch_cuda = 13000;
  facts.gpus = int(machine.gpus.size());
  return machine;
}

TEST(OpenWorkers, WantTorchsCudaPartWhereAGpuCouldBeUsedLater) {
  EXPECT_TRUE(has_gpu_for_torch(machine_with({gpu_of(7, 5)})));
  EXPECT_TRUE(has_gpu_for_torch(machine_with({gpu_of(6, 1), gpu_of(9, 0)})));
  Machine full = machine_with({gpu_of(8, 9)});
  full.gpus[0].free_bytes = 0;  // another program's, for now
  EXPECT_TRUE(has_gpu_for_torch(full));
}

TEST(OpenWorkers, LeaveTorchsCudaPartClosedWhereNoGpuCanBeUsed) {
  EXPECT_FALSE(has_gpu_for_torch(machine_with({gpu_of(7, 0)})));
  EXPECT_FALSE(has_gpu_for_torch(machine_with({})));
  Machine old_driver = machine_with({gpu_of(8, 9)});
  old_driver.facts.driver_version[0] = 570;
  EXPECT_FALSE(has_gpu_for_torch(old_driver));
  Machine cpu_runtime = machine_with({gpu_of(8, 9)});
  cpu_runtime.facts.torch_cuda.reset();
  EXPECT_FALSE(has_gpu_for_torch(cpu_runtime));
  Machine no_driver = machine_with({gpu_of(8, 9)});
  no_driver.facts.nvml_found = false;
  EXPECT_FALSE(has_gpu_for_torch(no_driver));
}

TEST(OpenWorkers, SayWhyNoGpuComputes) {
  EXPECT_THAT(why_no_gpu(machine_with({gpu_of(8, 9)})), IsEmpty());
  EXPECT_THAT(why_no_gpu({}), IsEmpty()) << "a machine without a GPU";
  Machine hidden = machine_with({gpu_of(8, 9), gpu_of(9, 0)});
  hidden.gpus.clear();
  hidden.facts.shown_gpus = 0;
  hidden.facts.visible_devices = std::string("7");
  EXPECT_THAT(
      why_no_gpu(hidden),
      ElementsAre("The driver has 2 GPUs, and CUDA shows none (the environment's CUDA_VISIBLE_DEVICES "
                  "is '7'). The CPU is used. Name GPUs that are there in CUDA_VISIBLE_DEVICES, or "
                  "remove it from the environment."));
  hidden.facts.visible_devices.clear();
  hidden.facts.gpus = 1;
  EXPECT_THAT(why_no_gpu(hidden),
              ElementsAre("The driver has 1 GPU, and CUDA shows none. The CPU is used. In a container, pass "
                          "the GPUs through (--gpus all); else install NVIDIA's driver again."));
  Machine misfit;
  misfit.facts.nvml_found = true;
  misfit.facts.nvml_error = "NVML does not start (status 18)";
  EXPECT_THAT(why_no_gpu(misfit),
              ElementsAre(testing::HasSubstr("fit each other. The CPU is used. Restart")));
  Machine others;
  others.other_gpus = {"AMD", "NVIDIA"};
  EXPECT_THAT(why_no_gpu(others),
              ElementsAre("The AMD GPU is not used: Relievo computes on NVIDIA's GPUs only.",
                          "There is an NVIDIA GPU, and no driver for it: the CPU is used. Install NVIDIA's "
                          "driver 580 or later."));
}

}  // namespace
}  // namespace relievo
