#include "engine/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../gpu_facts.h"
#include "runtime/machine/machine.h"

namespace relievo {
namespace {

TEST(Machine, SaysWhichGpusAreLeftOutAndWhy) {
  using testing::HasSubstr;
  Machine machine;
  machine.facts = good_gpu_machine();
  machine.facts.gpus = 3;
  machine.gpus.resize(3);
  machine.gpus[0].name = "Full";
  machine.gpus[0].free_bytes = int64_t{200} << 20;
  machine.gpus[1].free_bytes = int64_t{24} << 30;
  machine.gpus[2] = machine.gpus[1];
  for (int i = 0; i < 3; ++i) machine.gpus[static_cast<size_t>(i)].index = i;
  machine.gpus[2].name = "Old";
  machine.gpus[2].compute_major = 6;
  machine.gpus[2].compute_minor = 1;
  EXPECT_THAT(
      left_out(machine),
      testing::ElementsAre("cuda:0 (Full) is left out: 200.0 MiB of its memory are free.",
                           "cuda:2 (Old) is left out: its compute capability is 6.1, and 7.5 is the least."));
  machine.facts.driver_version[0] = 470;
  EXPECT_THAT(left_out(machine),
              testing::ElementsAre(HasSubstr("driver"), HasSubstr("driver"), HasSubstr("driver")));
  machine.facts = good_gpu_machine();
  machine.facts.torch_cuda.reset();
  EXPECT_THAT(left_out(machine)[1], HasSubstr("LibTorch"));
}

TEST(Machine, SaysOfGpusThatCudaDoesNotShowWhy) {
  Machine machine;
  machine.facts = good_gpu_machine();
  machine.facts.gpus = 4;
  machine.facts.lost_gpus = 2;
  machine.facts.gpus_without_parts = 1;
  machine.gpus.resize(2);
  machine.gpus[0].is_lost = true;  // CUDA still shows it to a process that computed on it
  machine.gpus[1].free_bytes = int64_t{24} << 30;
  EXPECT_THAT(
      left_out(machine),
      testing::ElementsAre(
          "cuda:0 is left out: the driver no longer reaches it.",
          "A GPU that CUDA does not show is left out: the driver no longer reaches it.",
          "A GPU that CUDA does not show is left out: it is in MIG mode and was not cut into parts."));
}

}  // namespace
}  // namespace relievo
