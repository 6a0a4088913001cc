// What can compute here, in plain words for a person. What runtime/devices.h knows, without its types.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace relievo {

struct DeviceInfo {
  std::string slot;  ///< `cuda:0`, `cpu`
  std::string name;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;  ///< now
  std::string note;        ///< why it cannot be used, and what to do; empty when it can
};

/// GPUs, then the CPU. Opens the driver's library the first time, which may take a tenth of a second; never
/// fails.
std::vector<DeviceInfo> find_devices();

}  // namespace relievo
