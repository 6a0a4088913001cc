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

unsigned number(const Library& nvml, const char* name, Device device) {
  unsigned found = 0;
  return nvml.call(name, device, &found) == 0 ? found : 0;
}

GpuBuild ask_build(const Library& nvml, Device device, const GpuInfo& info) {
  constexpr unsigned kProcessors = 1, kMemory = 2;  // kinds of clocks
  const auto clock = [&](unsigned kind) {
    unsigned mhz = 0;
    return nvml.call("nvmlDeviceGetMaxClockInfo", device, kind, &mhz) == 0 ? int(mhz) : 0;
  };
  GpuBuild build;
  build.compute = info.compute();
  build.cores = int(number(nvml, "nvmlDeviceGetNumGpuCores", device));
  build.clock_mhz = clock(kProcessors);
  build.memory_clock_mhz = clock(kMemory);
  build.memory_bus_bits = int(number(nvml, "nvmlDeviceGetMemoryBusWidth", device));
  build.host_bytes_per_second =
      pcie_bytes_per_second(int(number(nvml, "nvmlDeviceGetMaxPcieLinkGeneration", device)),
                            int(number(nvml, "nvmlDeviceGetMaxPcieLinkWidth", device)));
  build.halves_with_fp32_sums = info.name.find("GeForce") != std::string::npos;
  return build;
}

/// Asks how two GPUs are joined. NVLinks count that lead to the other; over a switch all of them do.
PairFacts ask_pair(const Library& nvml, Device device, const GpuInfo& info, Device other_device,
                   const GpuInfo& other) {
  constexpr unsigned kMostLinks = 18, kRead = 0, kByNvLink = 2;  // kinds of access between two GPUs
  PairFacts facts;
  facts.host_bytes_per_second[0] = info.build.host_bytes_per_second;
  facts.host_bytes_per_second[1] = other.build.host_bytes_per_second;
  nvml.call("nvmlDeviceGetTopologyCommonAncestor", device, other_device, &facts.ancestor);
  const auto has_access = [&](unsigned kind) {
    int status = -1;
    return nvml.call("nvmlDeviceGetP2PStatus", device, other_device, kind, &status) == 0 && status == 0;
  };
  facts.peer_access = has_access(kRead);
  if (!has_access(kByNvLink)) return facts;
  int direct = 0, to_switches = 0;
  for (unsigned link = 0; link < kMostLinks; ++link) {
    unsigned is_active = 0;
    if (nvml.call("nvmlDeviceGetNvLinkState", device, link, &is_active) != 0 || is_active == 0) continue;
    unsigned version = 0;
    if (nvml.call("nvmlDeviceGetNvLinkVersion", device, link, &version) == 0) {
      facts.nvlink_version = int(version);
    }
    constexpr int kSwitch = 2;
    int kind = 0;
    if (nvml.call("nvmlDeviceGetNvLinkRemoteDeviceType", device, link, &kind) == 0 && kind == kSwitch) {
      ++to_switches;
      continue;
    }
    PciInfo remote{};
    if (nvml.call("nvmlDeviceGetNvLinkRemotePciInfo_v2", device, link, &remote) == 0 &&
        other.bus_id == remote.bus_id) {
      ++direct;
    }
  }
  facts.nvlinks = direct > 0 ? direct : to_switches;
  return facts;
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
  info.build = ask_build(nvml, device, info);
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
  std::vector<Device> devices;
  for (unsigned int i = 0; i < count; ++i) {
    Device device = nullptr;
    const int status = nvml.call("nvmlDeviceGetHandleByIndex_v2", i, &device);
    if (status == kGpuIsLost) {
      GpuInfo& lost = report.gpus.emplace_back();
      lost.index = int(i);
      lost.is_lost = true;
      devices.push_back(nullptr);
    }
    if (status != 0) continue;
    for (GpuInfo& gpu : parts_or_whole(nvml, device, ask_gpu(nvml, device, int(i)))) {
      gpu.index = int(report.gpus.size());
      report.gpus.push_back(std::move(gpu));
      devices.push_back(device);
    }
  }
  for (size_t a = 0; a < devices.size(); ++a) {
    for (size_t b = 0; b < devices.size(); ++b) {
      // How a part of a card is joined to others, NVML does not say.
      const auto is_whole = [&](size_t i) { return devices[i] && report.gpus[i].part_uuid.empty(); };
      if (a == b || !is_whole(a) || !is_whole(b)) continue;
      GpuLink link = expected_link(ask_pair(nvml, devices[a], report.gpus[a], devices[b], report.gpus[b]));
      link.bus_id = report.gpus[b].bus_id;
      report.gpus[a].links.push_back(std::move(link));
    }
  }
  nvml.call("nvmlShutdown");
  return report;
}

}  // namespace relievo
