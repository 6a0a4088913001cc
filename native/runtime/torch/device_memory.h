// GPU memory through torch: opening libtorch_cuda when it is wanted, the caching allocator's settings and
// counters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/plan/plan.h"

namespace relievo {

/// The caching allocator's settings for a policy, as in PYTORCH_ALLOC_CONF. Expandable segments end
/// fragmentation but keep the memory that they have mapped; a limit on splitting gives memory back sooner.
/// Only one of the two is set, because with expandable segments the limit does little.
std::string allocator_settings(Policy policy);

/// Applies these settings. Must be called before the first use of a GPU. A value that the person has set in
/// PYTORCH_ALLOC_CONF (or under its older name) takes precedence. Returns the settings that count.
std::string apply_allocator_settings(Policy policy);

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

}  // namespace relievo
