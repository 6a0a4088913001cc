#include "engine/machine.h"

#include <fmt/format.h>

#include "runtime/devices.h"

namespace relievo {

std::vector<DeviceInfo> find_devices() {
  const Machine machine = find_machine();
  std::string refusal;
  for (const StackFinding& finding : check_stack(machine.facts)) {
    if (finding.fatal && refusal.empty()) refusal = finding.what + " " + finding.hint;
  }
  std::vector<DeviceInfo> devices;
  for (const GpuInfo& gpu : machine.gpus) {
    devices.push_back(
        {fmt::format("cuda:{}", gpu.index), gpu.name, gpu.total_bytes, gpu.free_bytes, refusal});
  }
  const CpuInfo& cpu = machine.cpu;
  devices.push_back({"cpu", cpu.name, cpu.total_bytes, cpu.free_bytes, {}});
  return devices;
}

}  // namespace relievo
