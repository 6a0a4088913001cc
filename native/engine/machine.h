// Describes the devices that can compute here, for a person: what runtime/machine/machine.h knows, without
// its types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace relievo {

struct Machine;  // runtime/machine/machine.h
struct GpuInfo;

struct DeviceInfo {
  std::string device;  ///< `cuda:0`, `cpu`
  std::string name;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;  ///< bytes that are free now
  std::optional<int> busy_percent;
  std::optional<int> celsius;
  int other_processes = 0;
  int64_t others_bytes = 0;  ///< bytes that other processes hold
  /// Says why it cannot be used and what to do; empty when it can be used.
  std::string note;
};

/// A device's state in a line: `cuda:0 (NVIDIA A100): 61.0 GiB of 80.0 GiB free, 3 % busy, 41 °C`.
std::string state_of(const DeviceInfo& device);

/// Says that the GPU computes nothing, and why; empty where it can be used.
std::string left_out_sentence(const Machine& machine, const GpuInfo& gpu);

/// Such a sentence for each of a machine's GPUs that compute nothing.
std::vector<std::string> left_out(const Machine& machine);

/// Finds the GPUs, then the CPU. Where the driver has GPUs and CUDA shows none, one without a name of a
/// device says why; where there is no GPU of NVIDIA's, those of other makers come first, each with a note.
/// The first call opens the driver's library, which may take a tenth of a second; it never fails.
std::vector<DeviceInfo> find_devices();

}  // namespace relievo
