#include <deque>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "state.h"

namespace at {

// LibTorch's registry wants it in this namespace.
struct FakeCudaHooks final : CUDAHooksInterface {
  explicit FakeCudaHooks(CUDAHooksArgs) {}
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasCUDA() const override { return true; }
  bool hasCUDART() const override { return true; }
  /// As soon as it was used.
  bool hasPrimaryContext(DeviceIndex index) const override {
    const std::lock_guard lock(fake_cuda::state().mutex);
    const fake_cuda::DeviceState& device = fake_cuda::state().devices.at(size_t(index));
    return device.allocations + device.operations > 0;
  }
  DeviceIndex deviceCount() const override { return DeviceIndex(getNumGPUs()); }
  DeviceIndex current_device() const override { return DeviceIndex(fake_cuda::current_device()); }
  DeviceIndex getCurrentDevice() const override { return current_device(); }
  /// Seeded with the CPU's; numbers are drawn by the CPU's own.
  const Generator& getDefaultGenerator(DeviceIndex index) const override {
    static auto& all = *new std::deque<Generator>;
    const std::lock_guard lock(fake_cuda::state().mutex);
    const auto device = size_t(index < 0 ? fake_cuda::current_device() : index);
    while (all.size() <= device) all.push_back(detail::createCPUGenerator());
    return all[device];
  }
  Allocator* getCUDADeviceAllocator() const override { return fake_cuda::allocator(); }
  Allocator* getPinnedMemoryAllocator() const override { return fake_cuda::pinned_allocator(); }
  bool isPinnedPtr(const void* pointer) const override { return fake_cuda::is_pinned(pointer); }
  Device getDeviceFromPtr(void* pointer) const override {
    const std::lock_guard lock(fake_cuda::state().mutex);
    const fake_cuda::Block* const block = fake_cuda::block_at(pointer);
    TORCH_CHECK(block, "The pointer is not one of the device's.");
    return Device(kCUDA, DeviceIndex(block->device));
  }
  int getNumGPUs() const override {
    const std::lock_guard lock(fake_cuda::state().mutex);
    return int(fake_cuda::state().devices.size());
  }
};

C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, FakeCudaHooks)  // the name that LibTorch looks for

}  // namespace at

namespace fake_cuda {

void throw_lost(const DeviceState& device) {
  const bool is_trap = device.trapping_kernel > 0 && device.kernels >= device.trapping_kernel;
  constexpr int kIllegalAddress = 700, kLaunchFailure = 719;
  throw c10::AcceleratorError({__func__, __FILE__, uint32_t(__LINE__)},
                              is_trap ? kLaunchFailure : kIllegalAddress,
                              is_trap ? "CUDA error: unspecified launch failure"
                                      : "CUDA error: an illegal memory access was encountered");
}

void begin_operation(int index, const std::string& name) {
  const std::lock_guard lock(state().mutex);
  DeviceState& device = state().devices.at(size_t(index));
  if (device.lost) throw_lost(device);
  ++device.by_name[name];
  if (name == kKernel && ++device.kernels == device.trapping_kernel) device.lost = Fault::kLater;
  if (++device.operations != device.failing_operation) return;
  device.lost = device.fault;
  if (device.fault == Fault::kLater || device.fault == Fault::kOffTheBus) return;
  TORCH_CHECK(device.fault != Fault::kCublas,
              "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(handle, ...)`");
  TORCH_CHECK(device.fault != Fault::kUnnamed, "a plan of the transform could not be carried out");
  throw_lost(device);
}

void lose(int device) {
  const std::lock_guard lock(state().mutex);
  state().devices.at(size_t(device)).lost = Fault::kLater;
}

void note_transfer(int index, int64_t pinned_bytes) {
  const std::lock_guard lock(state().mutex);
  DeviceState& device = state().devices.at(size_t(index));
  ++device.transfers;
  device.pinned_bytes += pinned_bytes;
}

int64_t pinned_bytes(int device) {
  const std::lock_guard lock(state().mutex);
  return state().devices.at(size_t(device)).pinned_bytes;
}

int64_t transfers(int device) {
  const std::lock_guard lock(state().mutex);
  return state().devices.at(size_t(device)).transfers;
}

void check_device(int index) {
  const std::lock_guard lock(state().mutex);
  const DeviceState& device = state().devices.at(size_t(index));
  if (device.lost) throw_lost(device);
}

void fail_operation(int device, int64_t n, Fault fault) {
  const std::lock_guard lock(state().mutex);
  DeviceState& failing = state().devices.at(size_t(device));
  failing.failing_operation = failing.operations + n;
  failing.fault = fault;
}

void trap_kernel(int device, int64_t n) {
  const std::lock_guard lock(state().mutex);
  DeviceState& trapping = state().devices.at(size_t(device));
  trapping.trapping_kernel = trapping.kernels + n;
}

int64_t operations(int device) {
  const std::lock_guard lock(state().mutex);
  return state().devices.at(size_t(device)).operations;
}

std::map<std::string, int64_t> operations_by_name(int device) {
  const std::lock_guard lock(state().mutex);
  return state().devices.at(size_t(device)).by_name;
}

}  // namespace fake_cuda
