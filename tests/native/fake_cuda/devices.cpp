#include "state.h"

/// For driver/driver.cpp, which looks for them by name.

/// Tells how many devices there are, and of one: total, free and other programs' bytes, compute capability,
/// the number of the card that it is a part of (-1: it is whole), whether the driver reaches it.
extern "C" __attribute__((visibility("default"))) int fake_cuda_device(int index, int64_t* bytes,
                                                                       int* numbers) {
  auto& all = fake_cuda::state();
  const std::lock_guard lock(all.mutex);
  if (size_t(index) < all.devices.size()) {
    const auto& device = all.devices[size_t(index)];
    bytes[0] = device.made.bytes;
    bytes[1] = free_bytes(device);
    bytes[2] = device.made.others_bytes;
    numbers[0] = device.made.compute_major;
    numbers[1] = device.made.compute_minor;
    numbers[2] = device.made.part_of.value_or(-1);
    numbers[3] = device.lost == fake_cuda::Fault::kOffTheBus ? 0 : 1;
  }
  return int(all.devices.size());
}

/// Tells the driver's branch, and the statuses of NVML and of the runtime.
extern "C" __attribute__((visibility("default"))) void fake_cuda_driver(int* numbers) {
  auto& all = fake_cuda::state();
  const std::lock_guard lock(all.mutex);
  numbers[0] = all.driver.branch;
  numbers[1] = all.driver.nvml_status;
  numbers[2] = all.driver.cuda_status;
}
