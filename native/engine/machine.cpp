#include "engine/machine.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/machine/machine.h"

namespace relievo {

std::string left_out_sentence(const Machine& machine, const GpuInfo& gpu) {
  const std::string why = machine.why_left_out(gpu);
  if (why.empty()) return why;
  const std::string name = gpu.name.empty() ? gpu.name : fmt::format(" ({})", gpu.name);
  return fmt::format("cuda:{}{} is left out: {}", gpu.index, name, why);
}

std::vector<std::string> left_out(const Machine& machine) {
  std::vector<std::string> sentences;
  for (const GpuInfo& gpu : machine.gpus) {
    std::string sentence = left_out_sentence(machine, gpu);
    if (!sentence.empty()) sentences.push_back(std::move(sentence));
  }
  const auto add_hidden = [&](int all, bool GpuInfo::*state) {
    GpuInfo gpu;
    gpu.*state = true;
    if (all > std::ranges::count_if(machine.gpus, state)) {
      sentences.push_back("A GPU that CUDA does not show is left out: " + machine.why_left_out(gpu));
    }
  };
  add_hidden(machine.facts.lost_gpus, &GpuInfo::is_lost);
  add_hidden(machine.facts.gpus_without_parts, &GpuInfo::lacks_parts);
  return sentences;
}

std::string state_of(const DeviceInfo& device) {
  std::string line = fmt::format("{} ({}): {} of {} free", device.device, device.name,
                                 format_bytes(device.free_bytes), format_bytes(device.total_bytes));
  if (device.busy_percent) line += fmt::format(", {} % busy", *device.busy_percent);
  if (device.celsius) line += fmt::format(", {} °C", *device.celsius);
  if (device.other_processes > 0) {
    line += fmt::format(", {} other process{} hold{} {}", device.other_processes,
                        device.other_processes == 1 ? "" : "es", device.other_processes == 1 ? "s" : "",
                        format_bytes(device.others_bytes));
  }
  return line;
}

std::vector<DeviceInfo> find_devices() {
  const Machine machine = find_machine();
  const auto findings = check_stack(machine.facts);
  const auto fatal =
      std::ranges::find_if(findings, [](const StackFinding& finding) { return finding.fatal; });
  const std::string hint = fatal == findings.end() ? std::string() : " " + fatal->hint;
  std::vector<DeviceInfo> devices;
  for (const GpuInfo& gpu : machine.gpus) {
    const std::string why = machine.why_left_out(gpu);
    devices.push_back({fmt::format("cuda:{}", gpu.index), gpu.name, gpu.total_bytes, gpu.free_bytes,
                       gpu.utilisation_percent, gpu.temperature_celsius, gpu.other_processes,
                       gpu.others_bytes, why.empty() ? why : "Left out: " + why + hint});
  }
  const bool has_driver = machine.facts.gpus > 0 || !machine.facts.nvml_error.empty();
  if (devices.empty() && has_driver && fatal != findings.end()) {
    DeviceInfo& device = devices.emplace_back();
    device.name = "NVIDIA GPU";
    device.note = fatal->what + " The CPU is used." + hint;
  }
  if (devices.empty()) {
    for (const std::string& maker : machine.other_gpus) {
      DeviceInfo& device = devices.emplace_back();
      device.name = maker + " GPU";
      device.note = maker == "NVIDIA"
                        ? "NVIDIA's driver is missing: the CPU is used. Install driver 580 or later."
                        : "Relievo computes on NVIDIA's GPUs only: the CPU is used.";
    }
  }
  DeviceInfo& cpu = devices.emplace_back();
  cpu.device = "cpu";
  cpu.name = machine.cpu.name;
  cpu.total_bytes = machine.cpu.total_bytes;
  cpu.free_bytes = machine.cpu.free_bytes;
  return devices;
}

}  // namespace relievo
