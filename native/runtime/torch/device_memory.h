// GPU memory through torch: opening libtorch_cuda when it is wanted, the caching allocator's settings and
// counters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/plan/plan.h"

namespace relievo {

/// The caching allocator's settings for a policy, as in PYTORCH_ALLOC_CONF. Expandable segments end
/// fragmentation but keep what they have mapped; a limit on splitting gives memory back sooner. One or the
/// other: with expandable segments the limit does little.
std::string allocator_settings(Policy policy);

/// Applies them. Before the first use of a GPU; what the person has set in PYTORCH_ALLOC_CONF (or its older
/// name) goes first and is returned, else what was applied.
std::string apply_allocator_settings(Policy policy);

/// Opens libtorch_cuda.so beside libtorch_cpu.so. Call it before anything asks torch whether there is CUDA.
/// False: it is not there or cannot be opened, `why` says so.
bool open_torch_cuda(std::string* why = nullptr);

struct DeviceMemory {
  int64_t allocated_bytes = 0;  ///< in tensors
  int64_t reserved_bytes = 0;   ///< taken from the device
  int64_t peak_allocated_bytes = 0;
  int64_t peak_reserved_bytes = 0;

  /// The part of what is reserved that no tensor uses, 0..1.
  double fragmentation() const {
    return reserved_bytes > 0 ? 1 - double(allocated_bytes) / double(reserved_bytes) : 0;
  }
};

/// The caching allocator's counters of a GPU; none without CUDA.
std::optional<DeviceMemory> device_memory(int device);

}  // namespace relievo
