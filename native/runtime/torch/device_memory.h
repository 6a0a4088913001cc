// GPU memory through torch: opening libtorch_cuda when it is wanted, the caching allocator's counters and its
// limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace relievo {

/// Opens libtorch_cuda.so beside libtorch_cpu.so. Must be called before anything asks torch whether there is
/// CUDA. Returns false when it is not there or cannot be opened; `why` then says so.
bool open_torch_cuda(std::string* why = nullptr);

struct DeviceMemory {
  int64_t allocated_bytes = 0;  ///< bytes in tensors
  int64_t reserved_bytes = 0;   ///< bytes taken from the device
  int64_t peak_allocated_bytes = 0;
  int64_t peak_reserved_bytes = 0;

  /// The share of the reserved bytes that no tensor uses, 0..1.
  double fragmentation() const {
    return reserved_bytes > 0 ? 1 - double(allocated_bytes) / double(reserved_bytes) : 0;
  }
};

/// The caching allocator's counters of a GPU; nothing without CUDA.
std::optional<DeviceMemory> device_memory(int device);

/// The peaks of device_memory() are from now on those since this call. For a GPU with a context.
void reset_device_peaks(int device);

/// The memory of a GPU as its own runtime tells it, and what this process has of it.
struct DeviceShare {
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
  int64_t own_bytes = 0;  ///< taken by the caching allocator, in use or not
};

/// Nothing while this process has no context on the GPU, because asking would make one, and for a GPU that is
/// lost.
std::optional<DeviceShare> device_share(int device);

/// The share of `total` that a budget is, as torch wants to be told it: from 0 to 1.
double memory_fraction(int64_t budget, int64_t total);

/// From now on the caching allocator takes no more of the GPU than this and throws c10::OutOfMemoryError in
/// its place. For a GPU with a context.
void limit_device_memory(int device, int64_t bytes);

}  // namespace relievo
