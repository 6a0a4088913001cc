// Workers, which work is given to: a GPU, a part of a GPU, or a share of the CPU with threads and memory of
// its own.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/machine/gpu_speed.h"

namespace relievo {

enum class DeviceKind { kCpu, kCuda, kImaginary };

/// The unit of a worker's speed is one thread of a processor, which is taken to do so many operations a
/// second in float32, and kHalfGain times as many in half precision on devices that are fast in it.
inline constexpr double kThreadOperations = 50e9, kHalfGain = 2.5;
/// The speed of a GPU of which nothing is known: 60 TFLOP/s in half precision, as an A100 of 80 GiB has.
inline constexpr double kGpuSpeed = 60e12 / (kHalfGain * kThreadOperations);
/// The number of processor threads for each GPU of a machine that is not there.
inline constexpr int kImaginaryThreads = 4;

struct Worker {
  std::string name;  ///< `cuda:0`, `cpu#1`, `24GiB#0`
  DeviceKind kind = DeviceKind::kCpu;
  int device = 0;   ///< index of the GPU; 0 for the CPU
  int threads = 1;  ///< processor threads that compute for this worker
  /// Bytes for all that it uses, weights included.
  int64_t budget_bytes = 0;
  /// In threads; the speed of a CPU worker is their number.
  double speed = 1;
  /// How many times as fast it is in half precision.
  double half_gain = kHalfGain;
  double host_bytes_per_second = 12e9;  ///< to and from host memory
  /// Bytes a second to other GPUs, by their index, where that is known (links.h).
  std::map<int, double> links = {};
  /// Name of the GPU or processor, under which its measured costs are kept.
  std::string product = {};
  int compute = 0;  ///< compute capability of a GPU, 75 for 7.5; 0 where it is not known
  /// The half precision that it is fast in, `bf16` or `fp16`; empty where there is none.
  std::string half = {};
  /// Processor threads besides, on which stages that are work of the processor run for other pictures while
  /// it computes.
  int side_threads = 0;
  /// Its budget follows the memory that is free, of which it has one of so many shares; else the budget was
  /// asked for.
  bool follows_memory = false;
  int shares = 1;
  /// The machine of a cluster that it belongs to: groups do not reach from one into another.
  int node = 0;

  /// Its speed in a precision, for costs that count an operation in half precision as a part 1 / kHalfGain of
  /// one in float32.
  double speed_in(std::string_view precision) const {
    return precision == "fp32" ? speed : speed * half_gain / kHalfGain;
  }
};

/// The first worker on this GPU; null where there is none.
const Worker* worker_on_gpu(std::span<const Worker> workers, int gpu);

/// The half precision of a GPU: bf16, which has float32's range, from compute capability 8.0 (Ampere) on and
/// where it is not known; before that fp16, because convolutions and fused attention know no bf16 there.
std::string half_of_gpu(int compute);

/// The precision in which these workers compute together, where nobody asks for one: the half precision that
/// all of them are fast in, else fp32.
std::string fast_precision(std::span<const Worker> workers);

/// The resources of the machine that workers can be made of.
struct WorkerSources {
  int cpu_threads = 1;
  int64_t cpu_free_bytes = 0;
  std::vector<int64_t> gpu_free_bytes;  ///< by index; 0 where the GPU cannot be used
  std::string cpu_name = {};
  std::vector<std::string> gpu_names = {};             ///< by index
  std::vector<int> gpu_computes = {};                  ///< compute capabilities by index, 75 for 7.5
  std::string cpu_half = {};                           ///< as Worker::half
  std::vector<GpuSpeed> gpu_speeds = {};               ///< by index, 0 where they are not known
  std::vector<double> gpu_host_bytes_per_second = {};  ///< by index, 0 where it is not known
  std::vector<std::map<int, double>> gpu_links = {};   ///< by index, as Worker::links

  /// Indices of the GPUs that can be used.
  std::vector<int> usable_gpus() const;
};

/// Parses a number of bytes as people write it: `3GiB`, `512MiB`, `1.5GiB`, `80GB`. Throws
/// Error{kInvalidSettings}.
int64_t parse_bytes(std::string_view text);

/// Formats bytes as people read them: `1.5 GiB`.
std::string format_bytes(int64_t bytes);

/// Makes workers of this machine from `cuda:0,cuda:1`, `cuda` (all), `cuda:0@8GiB`, `cuda:0*2`, `cpu`,
/// `cpu*2@3GiB` (two shares of 3 GiB each). Without @, the shares of a device divide its free memory; CPU
/// shares divide the threads. Throws Error{kInvalidSettings} for a text that it cannot read, a device that is
/// not there, a device named twice, or more memory than is free.
std::vector<Worker> parse_workers(std::string_view text, const WorkerSources& sources);

/// Makes workers of a machine that is not there, from `8x80GiB,2x24GiB`; `2x24GiB@0.5` is half as fast as
/// kGpuSpeed. Of a cluster every node has these; their names begin with the node's: `node7:80GiB#0`. Throws
/// Error{kInvalidSettings}.
std::vector<Worker> parse_imaginary_workers(std::string_view text, int nodes = 1);
/// The most devices of a plan.
inline constexpr int kMaxWorkers = 1000;

/// Makes a worker of every GPU that can be used or, without one, of the whole CPU.
std::vector<Worker> default_workers(const WorkerSources& sources);

}  // namespace relievo
