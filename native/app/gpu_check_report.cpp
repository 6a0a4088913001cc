#include "app/gpu_check_report.h"

#include <cmath>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/open_workers.h"
#include "verify/gpu_check.h"

namespace relievo {
namespace {

using nlohmann::json;

json to_json(const DeviceCheck& check) {
  return {{"device", check.device},
          {"name", check.name},
          {"number", std::isfinite(check.number) ? json(check.number) : json(nullptr)},
          {"limit", check.limit},
          {"unit", check.unit},
          {"ok", check.ok()},
          {"error", check.error}};
}

std::string to_text(const DeviceCheck& check) {
  return fmt::format("{} {:<8} {:<24} {:<10.3g} at most {:<8.3g} {}{}", check.ok() ? "ok  " : "FAIL",
                     check.device, check.name, check.number, check.limit, check.unit,
                     check.error.empty() ? "" : ": " + check.error);
}

std::set<std::string> devices_of(const std::vector<Worker>& workers) {
  std::set<std::string> devices;
  for (const Worker& worker : workers) {
    devices.insert(worker.kind == DeviceKind::kCuda ? fmt::format("cuda:{}", worker.device) : "cpu");
  }
  return devices;
}

}  // namespace

GpuCheckReport check_gpus(const std::string& devices, const CancelToken& cancel,
                          const std::function<void(const std::string&)>& tell) {
  EngineOptions engine;
  engine.devices = devices;
  const OpenedWorkers opened = open_workers(engine);
  const Machine machine = find_machine();
  GpuCheckReport report;
  const auto add = [&](const std::string& line) {
    report.text += line + "\n";
    if (tell) tell(line);
  };
  add(fmt::format("relievo {}, driver {}, CUDA {}", version(),
                  machine.driver.empty() ? "none" : machine.driver,
                  machine.facts.torch_cuda ? std::to_string(*machine.facts.torch_cuda / 1000) : "none"));
  json gpus = json::array();
  for (const GpuInfo& gpu : machine.gpus) {
    const std::string compute = fmt::format("{}.{}", gpu.compute_major, gpu.compute_minor);
    add(fmt::format("cuda:{} {}, compute {}, {} of {} free", gpu.index, gpu.name, compute,
                    format_bytes(gpu.free_bytes), format_bytes(gpu.total_bytes)));
    gpus.push_back({{"device", fmt::format("cuda:{}", gpu.index)},
                    {"name", gpu.name},
                    {"compute_capability", compute},
                    {"total_bytes", gpu.total_bytes},
                    {"free_bytes", gpu.free_bytes}});
  }
  for (const std::string& sentence : opened.left_out) add(sentence);
  if (!opened.allocator.empty()) add("allocator of GPUs: " + opened.allocator);
  json checks = json::array();
  for (const std::string& device : devices_of(opened.workers)) {
    check_device(device, {{}, cancel}, [&](const DeviceCheck& check) {
      if (!check.ok()) ++report.failed;
      add(to_text(check));
      checks.push_back(to_json(check));
    });
  }
  add(fmt::format("{} checks, {} failed", checks.size(), report.failed));
  const json object = {{"version", version()},        {"driver", machine.driver},      {"gpus", gpus},
                       {"left_out", opened.left_out}, {"allocator", opened.allocator}, {"checks", checks},
                       {"failed", report.failed}};
  report.json = object.dump(-1, ' ', false, json::error_handler_t::replace);
  return report;
}

}  // namespace relievo
