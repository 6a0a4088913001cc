#include "runtime/machine/machine.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <dlfcn.h>
#include <fmt/format.h>
#include <sched.h>

#include "base/address_space.h"
#include "runtime/machine/needed_library.h"
#include "runtime/machine/nvml.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// The bytes of a GPU that CUDA's context, its kernels' code and cuBLAS's workspace take before the first
/// tensor.
constexpr int64_t kContextBytes = int64_t{600} << 20;

std::optional<std::string> first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

std::string after_colon(const fs::path& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t start = line.find_first_not_of(" \t", line.find(':') + 1);
    return start == std::string::npos ? std::string() : line.substr(start);
  }
  return {};
}

int64_t kibibytes(std::string_view key) {
  const std::string text = after_colon("/proc/meminfo", key);
  return text.empty() ? 0 : std::stoll(text) * 1024;
}

/// The folders of this process's cgroup (version 2, or the memory controller of version 1).
std::vector<fs::path> cgroup_folders() {
  std::vector<fs::path> folders;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const fs::path root = controllers.empty() ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    if (!controllers.empty() && controllers.find("memory") == std::string::npos) continue;
    folders.push_back(root.string() + path);
    folders.push_back(root);
  }
  return folders;
}

std::optional<int64_t> number_in(const fs::path& path) {
  const auto line = first_line(path);
  if (!line || line->empty() || line->front() < '0' || line->front() > '9')
    return std::nullopt;  // the file says "max"
  return std::stoll(*line);
}

/// The part of a cgroup's use that is pages of files, which the kernel drops before it refuses memory.
int64_t droppable_bytes(const fs::path& folder) {
  std::ifstream file(folder / "memory.stat");
  int64_t bytes = 0, total = 0;
  for (std::string name; file >> name >> bytes;) {
    if (name == "inactive_file" && total == 0) total = bytes;
    if (name == "total_inactive_file") total = bytes;  // version 1: includes the groups below
  }
  return total;
}

/// Calls the body with each limit of memory that this process's cgroups set, and what is left below it.
template <typename Body>
void for_cgroup_limits(int64_t total_bytes, const Body& body) {
  for (const fs::path& folder : cgroup_folders()) {
    for (const auto& [limit_name, usage_name] :
         {std::pair{"memory.max", "memory.current"}, {"memory.limit_in_bytes", "memory.usage_in_bytes"}}) {
      const auto limit = number_in(folder / limit_name);
      if (!limit || *limit >= total_bytes) continue;
      const int64_t used = number_in(folder / usage_name).value_or(0) - droppable_bytes(folder);
      body(*limit, *limit - std::max<int64_t>(used, 0));
    }
  }
}

CpuInfo find_cpu() {
  CpuInfo cpu;
  cpu.name = after_colon("/proc/cpuinfo", "model name");
#if defined(__x86_64__) || defined(_M_X64)
  if (__builtin_cpu_supports("avx512bf16")) cpu.half = "bf16";
#endif
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpu.threads = std::max(1, CPU_COUNT(&set));
  cpu.total_bytes = kibibytes("MemTotal");
  cpu.free_bytes = free_processor_bytes();
  for_cgroup_limits(cpu.total_bytes, [&](int64_t limit, int64_t) {
    cpu.cgroup_limit_bytes = std::min(limit, cpu.cgroup_limit_bytes.value_or(limit));
  });
  for (const fs::path& folder : cgroup_folders()) {
    if (const auto quota = first_line(folder / "cpu.max")) {
      double time = 0, period = 0;
      if (std::sscanf(quota->c_str(), "%lf %lf", &time, &period) == 2 && period > 0) {
        cpu.threads = std::clamp(int(std::ceil(time / period)), 1, cpu.threads);
      }
    }
  }
  return cpu;
}

/// The path of a library that this process has open; empty where it has not.
std::string open_library(std::string_view name) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t slash = line.find('/');
    if (slash != std::string::npos && line.find(name, slash) != std::string::npos) return line.substr(slash);
  }
  return {};
}

constexpr std::string_view kRuntimeName = "libcudart.so.";

/// The CUDA version that a libtorch_cuda was built for, told by the runtime that it was linked with: 13000
/// for libcudart.so.13.
std::optional<int> cuda_of(const fs::path& library) {
  const auto needed = needed_library(library.string(), std::string(kRuntimeName));
  int major = 0;
  if (!needed || std::sscanf(needed->c_str() + kRuntimeName.size(), "%d", &major) != 1) return std::nullopt;
  return 1000 * major;
}

/// The CUDA runtime that LibTorch computes with. Another library of this process may have opened one of
/// another version, before or after.
class CudaRuntime {
 public:
  CudaRuntime() {
    const auto name = needed_library(open_library("libtorch_cpu.so"), std::string(kRuntimeName));
    if (name) library_.reset(dlopen(name->c_str(), RTLD_NOW | RTLD_NOLOAD));
  }

  std::optional<int> version() const {
    int version = 0;
    if (call("cudaRuntimeGetVersion", &version) != 0) return std::nullopt;
    return version;
  }

  /// The GPUs that the runtime shows, by index.
  struct Shown {
    std::vector<std::string> bus_ids, uuids;
  };

  /// Nothing where there is no runtime, or where it fails, which `error` then tells in its words. (That the
  /// driver is too old for it, versions tell better.)
  std::optional<Shown> shown(std::string& error) const {
    if (!library_) return std::nullopt;
    constexpr int kInsufficientDriver = 35, kNoDevice = 100;
    Shown gpus;
    int count = 0;
    const int status = call("cudaGetDeviceCount", &count);
    if (status == kNoDevice) return gpus;
    if (status != 0) {
      if (status != kInsufficientDriver) error = words_of(status);
      return std::nullopt;
    }
    for (int i = 0; i < count; ++i) {
      std::array<char, 32> id{};
      if (call("cudaDeviceGetPCIBusId", id.data(), int(id.size()), i) != 0) return std::nullopt;
      gpus.bus_ids.emplace_back(id.data());
      gpus.uuids.push_back(uuid(i));
    }
    return gpus;
  }

 private:
  struct Close {
    void operator()(void* handle) const { dlclose(handle); }
  };

  /// In the words of NVML's; empty where the runtime does not tell it.
  std::string uuid(int index) const {
    // cudaDeviceProp, of which CUDA 12 and 13 have less than this, begins with a name of 256 bytes and the
    // 16 bytes of the number.
    constexpr size_t kName = 256;
    std::array<unsigned char, 4096> properties{};
    if (call("cudaGetDeviceProperties", static_cast<void*>(properties.data()), index) != 0) return {};
    std::string text;
    for (size_t i = 0; i < 16; ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
      text += fmt::format("{:02x}", properties[kName + i]);
    }
    return text;
  }

  std::string words_of(int status) const {
    const auto function = reinterpret_cast<const char* (*)(int)>(dlsym(library_.get(), "cudaGetErrorString"));
    const char* words = function ? function(status) : nullptr;
    return fmt::format("{} ({})", words ? words : "an error", status);
  }

  template <typename... Arguments>
  int call(const char* name, Arguments... arguments) const {
    if (!library_) return -1;
    const auto function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library_.get(), name));
    return function ? function(arguments...) : -1;
  }

  std::unique_ptr<void, Close> library_;
};

/// Says why no GPU at all can be used; empty when they can.
std::string refusal_of_all(const StackFacts& facts) {
  for (const StackFinding& finding : check_stack(facts)) {
    if (finding.fatal) return finding.what;
  }
  return {};
}

}  // namespace

int64_t free_processor_bytes() {
  int64_t free = kibibytes("MemAvailable");
  if (const auto left = address_space_left()) {
    // Stacks of threads and fragments of the heap take memory, too, which no budget counts.
    constexpr int64_t kBeside = int64_t{128} << 20;
    free = std::clamp<int64_t>(*left - kBeside, 0, free);
  }
  for_cgroup_limits(kibibytes("MemTotal"),
                    [&](int64_t, int64_t left) { free = std::clamp<int64_t>(left, 0, free); });
  return free;
}

int64_t GpuInfo::usable_bytes() const {
  return own_bytes ? free_bytes + *own_bytes : std::max<int64_t>(0, free_bytes - kContextBytes);
}

std::vector<GpuInfo> in_cuda_order(const std::vector<GpuInfo>& gpus, const std::vector<std::string>& bus_ids,
                                   const std::vector<std::string>& uuids) {
  // The domain has eight digits in one and four in the other, and letters may differ in case.
  const auto short_id = [](std::string id) {
    constexpr size_t kLength = std::string_view("0000:65:00.0").size();
    if (id.size() > kLength) id = id.substr(id.size() - kLength);
    for (char& c : id) c = char(std::tolower(static_cast<unsigned char>(c)));
    return id;
  };
  std::vector<GpuInfo> ordered, left = gpus;
  for (size_t i = 0; i < bus_ids.size(); ++i) {
    const auto is_on_card = [&](const GpuInfo& gpu) { return short_id(gpu.bus_id) == short_id(bus_ids[i]); };
    auto found = std::ranges::find_if(left, [&](const GpuInfo& gpu) {
      return is_on_card(gpu) && i < uuids.size() && !gpu.part_uuid.empty() && gpu.part_uuid == uuids[i];
    });
    if (found == left.end()) found = std::ranges::find_if(left, is_on_card);
    if (found == left.end()) return gpus;  // NVML does not know this GPU, so all stay as they are
    ordered.push_back(std::move(*found));
    ordered.back().index = int(i);
    left.erase(found);
  }
  return ordered;
}

WorkerSources Machine::sources() const {
  WorkerSources sources{cpu.threads, cpu.free_bytes, {}, cpu.name, {}, {}, cpu.half};
  if (facts.torch_cuda && refusal_of_all(facts).empty()) {
    for (const GpuInfo& gpu : gpus) {
      sources.gpu_free_bytes.push_back(why_left_out(gpu).empty() ? gpu.usable_bytes() : 0);
      sources.gpu_names.push_back(gpu.name);
      sources.gpu_computes.push_back(gpu.compute());
      sources.gpu_speeds.push_back(expected_speed(data_sheet(gpu.build)));
      sources.gpu_host_bytes_per_second.push_back(gpu.build.host_bytes_per_second);
      std::map<int, double>& links = sources.gpu_links.emplace_back();
      for (const GpuLink& link : gpu.links) {
        const auto other = std::ranges::find(gpus, link.bus_id, &GpuInfo::bus_id);
        if (other != gpus.end() && link.bytes_per_second > 0) links[other->index] = link.bytes_per_second;
      }
    }
  }
  return sources;
}

std::string Machine::why_left_out(const GpuInfo& gpu) const {
  if (std::string refusal = refusal_of_all(facts); !refusal.empty()) return refusal;
  if (gpu.is_lost) return "the driver no longer reaches it.";
  if (gpu.lacks_parts) return "it is in MIG mode and was not cut into parts.";
  const int compute = gpu.compute();
  if (compute != 0 && compute < kLowestCompute) {
    return fmt::format("its compute capability is {}.{}, and {}.{} is the least.", gpu.compute_major,
                       gpu.compute_minor, kLowestCompute / 10, kLowestCompute % 10);
  }
  if (gpu.usable_bytes() <= 0) {
    return fmt::format("{} of its memory are free{}.", format_bytes(gpu.free_bytes),
                       gpu.others_bytes > 0
                           ? fmt::format(", other programs hold {}", format_bytes(gpu.others_bytes))
                           : std::string());
  }
  return {};
}

std::vector<std::string> gpu_makers(const fs::path& devices) {
  constexpr std::pair<std::string_view, std::string_view> kMakers[] = {
      {"0x10de", "NVIDIA"}, {"0x1002", "AMD"}, {"0x8086", "Intel"}};
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& device : fs::directory_iterator(devices, error)) {
    const bool is_display = first_line(device.path() / "class").value_or("").starts_with("0x03");
    const std::string vendor = first_line(device.path() / "vendor").value_or("");
    for (const auto& [number, maker] : kMakers) {
      if (is_display && vendor == number) found.emplace_back(maker);
    }
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

Machine find_machine(const std::string& runtime_folder) {
  Machine machine;
  machine.cpu = find_cpu();
  NvmlReport nvml = ask_nvml();
  machine.driver = nvml.driver;
  machine.gpus = nvml.gpus;
  const CudaRuntime cuda;
  StackFacts& facts = machine.facts;
  if (!machine.gpus.empty()) {  // without a driver there is nothing to ask
    if (const auto shown = cuda.shown(facts.cuda_error)) {
      facts.shown_gpus = int(shown->bus_ids.size());
      machine.gpus = in_cuda_order(machine.gpus, shown->bus_ids, shown->uuids);
    }
  }

  for (std::string& maker : gpu_makers("/sys/bus/pci/devices")) {
    if (maker != "NVIDIA" || !nvml.found) machine.other_gpus.push_back(std::move(maker));
  }

  facts.nvml_found = nvml.found;
  facts.nvml_error = nvml.error;
  int major = 0, minor = 0;
  const int parts = std::sscanf(nvml.driver.c_str(), "%d.%d", &major, &minor);
  if (parts >= 1) facts.driver_version[0] = major;
  if (parts >= 2) facts.driver_version[1] = minor;
  facts.driver_cuda = nvml.driver_cuda;
  facts.runtime_cuda = cuda.version();
  facts.gpus = int(nvml.gpus.size());  // includes those that CUDA does not show
  for (const GpuInfo& gpu : nvml.gpus) {
    const int compute = gpu.compute();
    if (compute > 0 && (facts.lowest_compute == 0 || compute < facts.lowest_compute)) {
      facts.lowest_compute = compute;
    }
    facts.lost_gpus += gpu.is_lost ? 1 : 0;
    facts.gpus_without_parts += gpu.lacks_parts ? 1 : 0;
  }
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES")) facts.visible_devices = visible;
  const std::string torch_library = open_library("libtorch_cpu.so");
  const std::string folder =
      runtime_folder.empty() ? fs::path(torch_library).parent_path().string() : runtime_folder;
  if (!folder.empty()) facts.torch_cuda = cuda_of(fs::path(folder) / "libtorch_cuda.so");
  return machine;
}

}  // namespace relievo
