// What can compute here, in plain words for a person. What runtime/machine/machine.h knows, without its
// types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace relievo {

struct Machine;  // runtime/machine/machine.h

struct DeviceInfo {
  std::string device;  ///< `cuda:0`, `cpu`
  std::string name;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;  ///< now
  std::optional<int> busy_percent;
  std::optional<int> celsius;
  int other_processes = 0;
  int64_t others_bytes = 0;  ///< that other processes hold
  std::string note;          ///< why it cannot be used, and what to do; empty when it can
};

/// Which of a machine's GPUs compute nothing and why, a sentence each.
std::vector<std::string> left_out(const Machine& machine);

/// GPUs, then the CPU. Where no GPU of NVIDIA's is there, those of other makers come first, each with a note.
/// Opens the driver's library the first time, which may take a tenth of a second; never fails.
std::vector<DeviceInfo> find_devices();

}  // namespace relievo
