#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/standard_output.h"
#include "runtime/machine/machine.h"
#include "runtime/torch/allocator_settings.h"

namespace relievo {
namespace {

using nlohmann::json;

/// How torch's allocator of GPUs is set where nobody chooses otherwise.
AllocatorSettings allocator() { return choose_allocator("auto", Policy::kFastest, allocator_environment()); }

template <typename Value>
json maybe(const std::optional<Value>& value) {
  return value ? json(*value) : json(nullptr);
}

json to_json(const GpuRates& rates) {
  return {{"fp32", rates.single}, {"half", rates.half}, {"memory_bytes_per_second", rates.memory_bytes}};
}

const GpuInfo* other_end(const Machine& machine, const GpuLink& link) {
  const auto found = std::ranges::find(machine.gpus, link.bus_id, &GpuInfo::bus_id);
  return found == machine.gpus.end() ? nullptr : &*found;
}

json links_json(const Machine& machine, const GpuInfo& gpu) {
  json links = json::array();
  for (const GpuLink& link : gpu.links) {
    const GpuInfo* other = other_end(machine, link);
    if (!other) continue;  // CUDA does not show it
    links.push_back({{"to", fmt::format("cuda:{}", other->index)},
                     {"kind", link_name(link.kind)},
                     {"nvlinks", link.lanes},
                     {"bytes_per_second", link.bytes_per_second}});
  }
  return links;
}

/// Prints what is known of each GPU's speed, and how each pair is joined.
void print_speeds_and_links(const Machine& machine) {
  for (const GpuInfo& gpu : machine.gpus) {
    const GpuRates rates = data_sheet(gpu.build);
    if (rates.half > 0) {
      print_output("cuda:{:<3} {:.0f} TFLOP/s in half precision, {:.1f} in float32, memory {:.0f} GB/s\n",
                   gpu.index, rates.half / 1e12, rates.single / 1e12, rates.memory_bytes / 1e9);
    }
  }
  for (const GpuInfo& gpu : machine.gpus) {
    for (const GpuLink& link : gpu.links) {
      const GpuInfo* other = other_end(machine, link);
      if (!other || other->index < gpu.index) continue;  // each pair once
      print_output("cuda:{} to cuda:{}: {}{}, {}\n", gpu.index, other->index, link_name(link.kind),
                   link.lanes > 0 ? fmt::format(" ({} links)", link.lanes) : std::string(),
                   link.bytes_per_second > 0 ? fmt::format("{:.1f} GB/s", link.bytes_per_second / 1e9)
                                             : std::string("speed not known"));
    }
  }
}

json to_json(const Machine& machine, const std::vector<StackFinding>& findings) {
  json gpus = json::array();
  for (const GpuInfo& gpu : machine.gpus) {
    gpus.push_back({{"device", fmt::format("cuda:{}", gpu.index)},
                    {"name", gpu.name},
                    {"total_bytes", gpu.total_bytes},
                    {"free_bytes", gpu.free_bytes},
                    {"other_processes", gpu.other_processes},
                    {"others_bytes", gpu.others_bytes},
                    {"utilisation_percent", maybe(gpu.utilisation_percent)},
                    {"temperature_celsius", maybe(gpu.temperature_celsius)},
                    {"compute_capability", fmt::format("{}.{}", gpu.compute_major, gpu.compute_minor)},
                    {"host_bytes_per_second", gpu.build.host_bytes_per_second},
                    {"data_sheet", to_json(data_sheet(gpu.build))},
                    {"links", links_json(machine, gpu)}});
  }
  const CpuInfo& cpu = machine.cpu;
  json checks = json::array();
  for (const StackFinding& finding : findings) {
    checks.push_back({{"fatal", finding.fatal}, {"what", finding.what}, {"hint", finding.hint}});
  }
  return {{"driver", machine.driver.empty() ? json(nullptr) : json(machine.driver)},
          {"cuda_runtime", maybe(machine.facts.runtime_cuda)},
          {"torch_cuda", maybe(machine.facts.torch_cuda)},
          {"gpus", gpus},
          {"usable_gpus", machine.sources().usable_gpus().size()},
          {"cpu",
           {{"name", cpu.name},
            {"threads", cpu.threads},
            {"total_bytes", cpu.total_bytes},
            {"free_bytes", cpu.free_bytes},
            {"cgroup_limit_bytes", maybe(cpu.cgroup_limit_bytes)}}},
          {"other_gpus", machine.other_gpus},
          {"allocator", {{"settings", allocator().words}, {"why", allocator().why}}},
          {"checks", checks}};
}

int run(bool as_json) {
  const Machine machine = find_machine();
  const auto findings = check_stack(machine.facts);
  if (as_json) {
    print_output("{}\n", to_json(machine, findings).dump());
    return 0;
  }
  print_output("{:<8} {:<34} {:>12} {:>12} {:>6} {:>6}  {}\n", "device", "name", "total", "free", "busy",
               "temp", "");
  for (const GpuInfo& gpu : machine.gpus) {
    const auto number = [](const std::optional<int>& value, const char* unit) {
      return value ? fmt::format("{}{}", *value, unit) : std::string("-");
    };
    print_output("cuda:{:<3} {:<34} {:>12} {:>12} {:>6} {:>6}  compute {}.{}; {} other process{} ({})\n",
                 gpu.index, gpu.name, format_bytes(gpu.total_bytes), format_bytes(gpu.free_bytes),
                 number(gpu.utilisation_percent, "%"), number(gpu.temperature_celsius, " C"),
                 gpu.compute_major, gpu.compute_minor, gpu.other_processes,
                 gpu.other_processes == 1 ? "" : "es", format_bytes(gpu.others_bytes));
  }
  print_speeds_and_links(machine);
  const CpuInfo& cpu = machine.cpu;
  print_output("{:<8} {:<34} {:>12} {:>12} {:>6} {:>6}  {} thread{}\n", "cpu", cpu.name.substr(0, 34),
               format_bytes(cpu.total_bytes), format_bytes(cpu.free_bytes), "-", "-", cpu.threads,
               cpu.threads == 1 ? "" : "s");
  for (const std::string& maker : machine.other_gpus) {
    print_output("{} GPU: {}\n", maker,
                 maker == "NVIDIA" ? "its driver is missing" : "not used, Relievo computes on NVIDIA's only");
  }
  if (!machine.gpus.empty()) print_output("allocator of GPUs: {}\n", describe(allocator()));
  print_output("NVIDIA driver: {}\n", machine.driver.empty() ? "none" : machine.driver);
  for (const StackFinding& finding : findings) {
    print_output("{}: {}\n  {}\n", finding.fatal ? "GPUs cannot be used" : "note", finding.what,
                 finding.hint);
  }
  return 0;
}

}  // namespace

Command add_devices(CLI::App& parser) {
  const auto as_json = std::make_shared<bool>(false);
  parser.add_flag("--json", *as_json, "Print one JSON object");
  return [as_json] { return run(*as_json); };
}

}  // namespace relievo
