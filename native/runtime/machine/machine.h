// What there is to compute with. Nothing here computes, and nothing here knows torch.
//
//   machine.h         GPUs, processor and memory of this machine, and whether LibTorch fits to its driver
//   nvml.h            the NVIDIA driver's library, opened at run time; that it is absent is fine
//   needed_library.h  which libraries a library file asks for, read without opening it
//   workers.h           what work is given to: a GPU, a part of one, a share of the CPU; also imaginary ones
//   device_hooks.h    what only torch can do for a worker, filled in by runtime/torch/
//
// The runtime's folders depend on each other in one direction: machine, costs, plan, execute.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtime/machine/workers.h"

namespace relievo {

/// The oldest compute capability, 7.5, that our kernels and torch's are built for.
inline constexpr int kLowestCompute = 75;

struct GpuInfo {
  int index = 0;  ///< CUDA's
  std::string name;
  std::string bus_id;  ///< on the PCI bus, 00000000:65:00.0
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
  int64_t others_bytes = 0;  ///< used by other processes, where the driver tells
  int other_processes = 0;
  std::optional<int> utilisation_percent;
  std::optional<int> temperature_celsius;
  int compute_major = 0;
  int compute_minor = 0;
};

struct CpuInfo {
  std::string name;
  int threads = 1;  ///< that this process may use: affinity and the cgroup's quota counted
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;  ///< what can be taken without swapping, within the cgroup's limit
  std::optional<int64_t> cgroup_limit_bytes;
};

/// What the start-up check looks at. Gathered by find_machine(); tests make them up.
struct StackFacts {
  bool nvml_found = false;
  std::string nvml_error;                ///< when it was found but does not work
  std::optional<int> driver_version[2];  ///< 580, 95
  std::optional<int> driver_cuda;        ///< the newest CUDA that the driver serves, 13000
  std::optional<int> runtime_cuda;       ///< of the libcudart here, 13000
  std::optional<int> torch_cuda;         ///< that libtorch_cuda was built for, 13000; none: CPU-only runtime
  int gpus = 0;
  int lowest_compute = 0;  ///< of the GPUs, 75 for 7.5
};

struct StackFinding {
  bool fatal = false;  ///< no GPU can be used; else only something is missing
  std::string what;
  std::string hint;
};

/// NVML's GPUs in the order in which CUDA numbers them, less those that CUDA does not show
/// (CUDA_VISIBLE_DEVICES). `bus_ids`: by CUDA's index, as 0000:65:00.0.
std::vector<GpuInfo> in_cuda_order(const std::vector<GpuInfo>& gpus, const std::vector<std::string>& bus_ids);

struct Machine {
  std::string driver;  ///< empty without one
  std::vector<GpuInfo> gpus;
  CpuInfo cpu;
  StackFacts facts;

  /// Makers of GPUs that Relievo cannot compute on (AMD, Intel), and NVIDIA where the driver is missing.
  std::vector<std::string> other_gpus;

  WorkerSources sources() const;

  /// Why one of the GPUs is left out, as the end of a sentence; empty when it is used.
  std::string why_left_out(const GpuInfo& gpu) const;
};

/// The makers of the GPUs that a folder of PCI devices names, each once.
std::vector<std::string> gpu_makers(const std::filesystem::path& devices);

/// Looks at the machine. Never fails: what cannot be found out is left empty. `runtime_folder` is where
/// libtorch_cuda.so would lie; empty: beside the libtorch_cpu that is loaded.
Machine find_machine(const std::string& runtime_folder = {});

/// Whether the parts fit, with a hint for each way they do not. Pure. Nothing is said on a machine without an
/// NVIDIA GPU and without a CUDA runtime of torch's: that is a fine CPU machine.
std::vector<StackFinding> check_stack(const StackFacts& facts);

}  // namespace relievo
