// Describes the machine that computes. Nothing here computes, and nothing here knows torch.
//
//   machine.h         GPUs, processor and memory of this machine, and whether LibTorch fits to its driver
//   nvml.h            the NVIDIA driver's library, opened at run time; that it is absent is fine
//   needed_library.h  which libraries a library file asks for, read without opening it
//   gpu_speed.h       what a GPU that was not measured can be expected to do
//   links.h           how GPUs are joined, and how fast values go from one worker to another
//   workers.h         what work is given to: a GPU, a part of one, a share of the CPU; also imaginary ones
//   device_hooks.h    functions that only torch can do for a worker, filled in by runtime/torch/
//
// The runtime's folders depend on each other in one direction: machine, costs, plan, execute.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "runtime/machine/links.h"
#include "runtime/machine/workers.h"

namespace relievo {

/// The oldest compute capability, 7.5, that our kernels and torch's are built for.
inline constexpr int kLowestCompute = 75;

struct GpuInfo {
  int index = 0;  ///< index in CUDA's order
  std::string name;
  std::string bus_id;  ///< on the PCI bus, 00000000:65:00.0
  /// Of a part of a card in MIG mode (NVIDIA's Multi-Instance GPU): its own number, as
  /// 3f2504e0-4f89-11d3-9a0c-0305e82c3301; the parts of a card share its bus id. Empty for a whole card.
  std::string part_uuid;
  bool is_lost = false;  ///< whether the driver no longer reaches it
  /// Whether it is a card in MIG mode that was not cut into parts, on which nothing can be computed.
  bool lacks_parts = false;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
  /// Bytes that other processes use, where the driver tells.
  int64_t others_bytes = 0;
  int other_processes = 0;
  std::optional<int> utilisation_percent;
  std::optional<int> temperature_celsius;
  int compute_major = 0;
  int compute_minor = 0;
  /// Where this process has a context on it (runtime/torch/device_memory.h): what its allocator has taken of
  /// the device, in use or not.
  std::optional<int64_t> own_bytes;
  GpuBuild build = {};
  std::vector<GpuLink> links = {};  ///< to the other GPUs

  int compute() const { return 10 * compute_major + compute_minor; }  ///< 75 for 7.5

  /// What this process can have for tensors in all: what is free and what it holds, less CUDA's own needs
  /// where those are not in what is used yet.
  int64_t usable_bytes() const;
};

struct CpuInfo {
  std::string name;
  /// Threads that this process may use, by its affinity and the cgroup's quota.
  int threads = 1;
  int64_t total_bytes = 0;
  /// Bytes that can be allocated without swapping, within the cgroup's limit.
  int64_t free_bytes = 0;
  std::optional<int64_t> cgroup_limit_bytes;
  std::string half;  ///< the half precision that it is fast in: bf16 with AVX512-BF16; empty: none
};

/// The facts that the start-up check looks at. find_machine() gathers them; tests make them up.
struct StackFacts {
  bool nvml_found = false;
  std::string nvml_error;                ///< set when it was found but does not work
  std::optional<int> driver_version[2];  ///< 580, 95
  std::optional<int> driver_cuda;        ///< the newest CUDA that the driver serves, 13000
  std::optional<int> runtime_cuda;       ///< version of the libcudart here, 13000
  /// The version that libtorch_cuda was built for, 13000; nothing for a CPU-only runtime.
  std::optional<int> torch_cuda;
  int gpus = 0;            ///< those that the driver has, and parts of them in MIG mode
  int lowest_compute = 0;  ///< lowest of the GPUs, 75 for 7.5
  int lost_gpus = 0;       ///< how many of them the driver no longer reaches
  int gpus_without_parts = 0;
  std::string cuda_error;         ///< what the CUDA runtime says where it cannot tell its GPUs
  std::optional<int> shown_gpus;  ///< how many GPUs CUDA shows; nothing where it was not asked
  std::string visible_devices;    ///< the environment's CUDA_VISIBLE_DEVICES
};

struct StackFinding {
  /// No GPU can be used; otherwise only something is missing.
  bool fatal = false;
  std::string what;
  std::string hint;
};

/// Returns NVML's GPUs in the order in which CUDA numbers them, without those that CUDA does not show
/// (CUDA_VISIBLE_DEVICES). `bus_ids` are in CUDA's order, as 0000:65:00.0; so are `uuids`, which tell the
/// parts of one card from each other (else they are taken in NVML's order).
std::vector<GpuInfo> in_cuda_order(const std::vector<GpuInfo>& gpus, const std::vector<std::string>& bus_ids,
                                   const std::vector<std::string>& uuids = {});

struct Machine {
  std::string driver;  ///< empty without one
  std::vector<GpuInfo> gpus;
  CpuInfo cpu;
  StackFacts facts;

  /// Makers of GPUs that Relievo cannot compute on (AMD, Intel), and NVIDIA where the driver is missing.
  std::vector<std::string> other_gpus;

  WorkerSources sources() const;

  /// Says why one of the GPUs is left out, as the end of a sentence; empty when it is used.
  std::string why_left_out(const GpuInfo& gpu) const;
};

/// The makers of the GPUs that a folder of PCI devices names, each once.
std::vector<std::string> gpu_makers(const std::filesystem::path& devices);

/// CpuInfo::free_bytes as it is at the moment.
int64_t free_processor_bytes();

/// Looks at the machine. Never fails: facts that cannot be found are left empty. `runtime_folder` is where
/// libtorch_cuda.so would lie; empty: beside the libtorch_cpu that is loaded.
Machine find_machine(const std::string& runtime_folder = {});

/// Checks whether the parts fit together, and gives a hint for each way in which they do not. It depends on
/// the facts only. It finds nothing on a machine without an NVIDIA GPU and without a CUDA runtime of torch's,
/// which is a fine CPU machine.
std::vector<StackFinding> check_stack(const StackFacts& facts);

}  // namespace relievo
