// Workers: what work is given to. A GPU, a part of a GPU, or a share of the CPU with threads and memory of
// its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relievo {

enum class DeviceKind { kCpu, kCuda, kImaginary };

/// The unit of a worker's speed is one thread of a processor, which is taken to do so many operations a
/// second in float32, and kHalfGain times as many in half precision where it is fast in it.
inline constexpr double kThreadOperations = 50e9, kHalfGain = 2.5;
/// The speed of a GPU of which nothing was measured: 60 TFLOP/s in half precision, as an 80 GiB card has.
inline constexpr double kGpuSpeed = 60e12 / (kHalfGain * kThreadOperations);
/// Processor threads that go with each GPU of a machine that is not there.
inline constexpr int kImaginaryThreads = 4;

struct Worker {
  std::string name;  ///< `cuda:0`, `cpu#1`, `24GiB#0`
  DeviceKind kind = DeviceKind::kCpu;
  int device = 0;                       ///< index of the GPU; 0 for the CPU
  int threads = 1;                      ///< of the processor that compute for this worker
  int64_t budget_bytes = 0;             ///< for all that it uses, weights included
  double speed = 1;                     ///< in threads; of a CPU worker their number
  double host_bytes_per_second = 12e9;  ///< to and from host memory
  std::string product = {};             ///< of the GPU or processor: what its measured costs are kept under
};

/// What of the machine workers can be made of.
struct WorkerSources {
  int cpu_threads = 1;
  int64_t cpu_free_bytes = 0;
  std::vector<int64_t> gpu_free_bytes;  ///< by index; 0: it cannot be used
  std::string cpu_name = {};
  std::vector<std::string> gpu_names = {};  ///< by index

  /// Indices of the GPUs that can be used.
  std::vector<int> usable_gpus() const;
};

/// A number of bytes as people write it: `3GiB`, `512MiB`, `1.5GiB`, `80GB`. Throws Error{kInvalidSettings}.
int64_t parse_bytes(std::string_view text);

/// Bytes as people read them: `1.5 GiB`.
std::string format_bytes(int64_t bytes);

/// Workers of this machine from `cuda:0,cuda:1`, `cuda` (all), `cuda:0@8GiB`, `cuda:0*2`, `cpu`, `cpu*2@3GiB`
/// (two shares of 3 GiB each). Without @, the shares of a device divide what is free of it; CPU shares divide
/// the threads. Throws Error{kInvalidSettings} for a word it cannot read, a device that is not there, a
/// device named twice, or more memory than is free.
std::vector<Worker> parse_workers(std::string_view text, const WorkerSources& sources);

/// Workers of a machine that is not there, from `8x80GiB,2x24GiB`; `2x24GiB@0.5` is half as fast as
/// kGpuSpeed. Throws Error{kInvalidSettings}.
std::vector<Worker> parse_imaginary_workers(std::string_view text);

/// Every GPU that can be used, or without one the whole CPU as one worker.
std::vector<Worker> default_workers(const WorkerSources& sources);

}  // namespace relievo
