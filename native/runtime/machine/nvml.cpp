#include "runtime/machine/nvml.h"

#include <array>
#include <memory>
#include <set>
#include <string_view>

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

namespace relievo {
namespace {

// The declarations follow the public NVML reference. Every function returns 0 for success.
using Device = void*;
struct Memory {
  unsigned long long total, free, used;
};
struct Utilisation {
  unsigned int gpu, memory;
};
struct PciInfo {
  char legacy_bus_id[16];
  unsigned int domain, bus, device, device_id, subsystem_id;
  char bus_id[32];
};
struct Process {
  unsigned int pid;
  unsigned long long used_gpu_memory;
  unsigned int gpu_instance_id, compute_instance_id;
};
constexpr int kInsufficientSize = 7, kGpuIsLost = 15;
constexpr unsigned long long kNotAvailable = ~0ULL;

class Library {
 public:
  explicit Library(const std::string& name) : handle_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {}
  explicit operator bool() const { return handle_ != nullptr; }

  template <typename... Arguments>
  int call(const char* name, Arguments... arguments) const {
    const auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(handle_.get(), name));
    return function ? function(arguments...) : -1;
  }

 private:
  struct Close {
    void operator()(void* handle) const { dlclose(handle); }
  };
  std::unique_ptr<void, Close> handle_;
};

void ask_memory(const Library& nvml, Device device, GpuInfo& info) {
  Memory memory{};
  const int status = nvml.call("nvmlDeviceGetMemoryInfo", device, &memory);
  if (status == 0) {
    info.total_bytes = int64_t(memory.total);
    info.free_bytes = int64_t(memory.free);
  }
  info.is_lost = status == kGpuIsLost;
}

GpuInfo ask_gpu(const Library& nvml, Device device, int index) {
  GpuInfo info;
  info.index = index;
  std::array<char, 96> name{};
  if (nvml.call("nvmlDeviceGetName", device, name.data(), 96U) == 0) info.name = name.data();
  ask_memory(nvml, device, info);
  Utilisation utilisation{};
  if (nvml.call("nvmlDeviceGetUtilizationRates", device, &utilisation) == 0) {
    info.utilisation_percent = int(utilisation.gpu);
  }
  unsigned int celsius = 0;
  if (nvml.call("nvmlDeviceGetTemperature", device, 0, &celsius) == 0)
    info.temperature_celsius = int(celsius);
  nvml.call("nvmlDeviceGetCudaComputeCapability", device, &info.compute_major, &info.compute_minor);
  PciInfo pci{};
  if (nvml.call("nvmlDeviceGetPciInfo_v3", device, &pci) == 0) info.bus_id = pci.bus_id;
  std::set<unsigned int> counted{unsigned(getpid())};  // a process can both compute and draw
  for (const char* kind :
       {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v3"}) {
    unsigned int count = 64;
    std::vector<Process> processes(count);
    int status = nvml.call(kind, device, &count, processes.data());
    if (status == kInsufficientSize) {
      processes.resize(count);
      status = nvml.call(kind, device, &count, processes.data());
    }
    if (status != 0) continue;
    for (size_t i = 0; i < count && i < processes.size(); ++i) {
      if (!counted.insert(processes[i].pid).second) continue;
      ++info.other_processes;
      if (processes[i].used_gpu_memory != kNotAvailable) {
        info.others_bytes += int64_t(processes[i].used_gpu_memory);
      }
    }
  }
  return info;
}

/// The parts of a card in MIG mode, which CUDA shows in its place; else the card itself.
std::vector<GpuInfo> parts_or_whole(const Library& nvml, Device device, GpuInfo whole) {
  unsigned int mode = 0, mode_after_restart = 0, count = 0;
  if (nvml.call("nvmlDeviceGetMigMode", device, &mode, &mode_after_restart) != 0 || mode == 0) return {whole};
  nvml.call("nvmlDeviceGetMaxMigDeviceCount", device, &count);
  std::vector<GpuInfo> parts;
  for (unsigned int i = 0; i < count; ++i) {
    Device handle = nullptr;
    if (nvml.call("nvmlDeviceGetMigDeviceHandleByIndex", device, i, &handle) != 0) continue;
    GpuInfo& part = parts.emplace_back(whole);
    std::array<char, 96> text{};
    if (nvml.call("nvmlDeviceGetName", handle, text.data(), 96U) == 0) part.name = text.data();
    text = {};
    constexpr std::string_view kPrefix = "MIG-";
    if (nvml.call("nvmlDeviceGetUUID", handle, text.data(), 96U) == 0) part.part_uuid = text.data();
    if (part.part_uuid.starts_with(kPrefix)) part.part_uuid.erase(0, kPrefix.size());
    ask_memory(nvml, handle, part);
  }
  whole.lacks_parts = parts.empty();
  return parts.empty() ? std::vector{whole} : parts;
}

}  // namespace

NvmlReport ask_nvml(const std::string& library) {
  NvmlReport report;
  const Library nvml(library);
  if (!nvml) return report;
  report.found = true;
  if (const int status = nvml.call("nvmlInit_v2"); status != 0) {
    report.error = fmt::format("NVML does not start (status {})", status);
    return report;
  }
  std::array<char, 96> driver{};
  if (nvml.call("nvmlSystemGetDriverVersion", driver.data(), 96U) == 0) report.driver = driver.data();
  int cuda = 0;
  if (nvml.call("nvmlSystemGetCudaDriverVersion_v2", &cuda) == 0) report.driver_cuda = cuda;
  unsigned int count = 0;
  nvml.call("nvmlDeviceGetCount_v2", &count);
  for (unsigned int i = 0; i < count; ++i) {
    Device device = nullptr;
    const int status = nvml.call("nvmlDeviceGetHandleByIndex_v2", i, &device);
    if (status == kGpuIsLost) {
      GpuInfo& lost = report.gpus.emplace_back();
      lost.index = int(i);
      lost.is_lost = true;
    }
    if (status != 0) continue;
    for (GpuInfo& gpu : parts_or_whole(nvml, device, ask_gpu(nvml, device, int(i)))) {
      gpu.index = int(report.gpus.size());
      report.gpus.push_back(std::move(gpu));
    }
  }
  nvml.call("nvmlShutdown");
  return report;
}

}  // namespace relievo
