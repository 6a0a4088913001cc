// The few declarations of NVIDIA's public NVML interface that we call. The library is the driver's own and is
// opened by name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/machine/machine.h"

namespace relievo {

struct NvmlReport {
  bool found = false;
  std::string error;
  std::string driver;
  std::optional<int> driver_cuda;
  std::vector<GpuInfo> gpus;
};

/// Opens libnvidia-ml.so.1, asks it, and closes it. Tests give the path of a stand-in.
NvmlReport ask_nvml(const std::string& library = "libnvidia-ml.so.1");

}  // namespace relievo
