#include "state.h"

/// For driver/driver.cpp, which looks for it by its name: how many devices there are, and what one has.
extern "C" __attribute__((visibility("default"))) int fake_cuda_device(int index, int64_t* total,
                                                                       int64_t* free, int* major,
                                                                       int* minor) {
  auto& all = fake_cuda::state();
  const std::lock_guard lock(all.mutex);
  if (size_t(index) < all.devices.size()) {
    const auto& device = all.devices[size_t(index)];
    *total = device.made.bytes;
    *free = device.made.bytes - device.stats.reserved_bytes[0].current;
    *major = device.made.compute_major;
    *minor = device.made.compute_minor;
  }
  return int(all.devices.size());
}
