// The facts of a machine on which every part of CUDA fits together.
#pragma once

#include "runtime/machine/machine.h"

namespace relievo {

inline StackFacts good_gpu_machine() {
  StackFacts facts;
  facts.nvml_found = true;
  facts.driver_version[0] = 580;
  facts.driver_version[1] = 95;
  facts.driver_cuda = 13000;
  facts.runtime_cuda = 13000;
  facts.torch_cuda = 13000;
  facts.gpus = 2;
  facts.lowest_compute = 75;
  return facts;
}

}  // namespace relievo
