#include "runtime/torch/device_memory.h"

#include <algorithm>
#include <filesystem>

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>
#ifdef RELIEVO_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

namespace relievo {

namespace {

/// Returns whether torch asks libtorch_cuda. It decides that once, at the first operation that needs to know,
/// such as a convolution on the CPU, and keeps a stand-in that refuses everything if the library was not open
/// by then.
bool has_cuda_hooks(std::string* why) {
  if (at::detail::getCUDAHooks().hasCUDART()) return true;
  if (why) *why = "the process computed before libtorch_cuda was opened; start Relievo (or Blender) again";
  return false;
}

}  // namespace

bool open_torch_cuda(std::string* why) {
  if (c10::impl::hasDeviceGuardImpl(c10::kCUDA)) return has_cuda_hooks(why);
  Dl_info here{};
  // The address of any symbol of libc10 tells the folder that all of torch lies in.
  if (dladdr(reinterpret_cast<void*>(&c10::GetAllocator), &here) == 0 || !here.dli_fname) return false;
  const auto path = std::filesystem::path(here.dli_fname).parent_path() / "libtorch_cuda.so";
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    const char* error = dlerror();
    if (why) *why = error ? error : "unknown";
    return false;
  }
  return c10::impl::hasDeviceGuardImpl(c10::kCUDA) && has_cuda_hooks(why);
}

std::optional<DeviceMemory> device_memory(int device) {
  if (!c10::impl::hasDeviceGuardImpl(c10::kCUDA)) return std::nullopt;
  const auto stats = c10::getDeviceAllocator(c10::kCUDA)->getDeviceStats(c10::DeviceIndex(device));
  constexpr size_t kAll = 0;  // the value of StatType::AGGREGATE
  return DeviceMemory{stats.allocated_bytes[kAll].current, stats.reserved_bytes[kAll].current,
                      stats.allocated_bytes[kAll].peak, stats.reserved_bytes[kAll].peak};
}

void reset_device_peaks(int device) {
  c10::getDeviceAllocator(c10::kCUDA)->resetPeakStats(c10::DeviceIndex(device));
}

std::optional<DeviceShare> device_share(int device) {
  if (!c10::impl::hasDeviceGuardImpl(c10::kCUDA) || !at::detail::getCUDAHooks().hasCUDART()) return {};
  const auto index = c10::DeviceIndex(device);
  c10::DeviceAllocator* allocator = c10::getDeviceAllocator(c10::kCUDA);
  try {
    if (!allocator->initialized() || !at::detail::getCUDAHooks().hasPrimaryContext(index)) return {};
    const auto [free, total] = allocator->getMemoryInfo(index);
    return DeviceShare{int64_t(free), int64_t(total),
                       allocator->getDeviceStats(index).reserved_bytes[0].current};
  } catch (const c10::Error&) {
    return {};  // the device is lost, which its worker says
  }
}

double memory_fraction(int64_t budget, int64_t total) {
  return total > 0 ? std::clamp(double(budget) / double(total), 0.0, 1.0) : 1;
}

void limit_device_memory([[maybe_unused]] int device, [[maybe_unused]] int64_t bytes) {
#ifdef RELIEVO_CUDA
  // Torch's base class has no such function; libtorch_cuda registers this class for CUDA, which is called
  // without linking anything of it.
  auto* allocator =
      static_cast<c10::cuda::CUDACachingAllocator::CUDAAllocator*>(c10::getDeviceAllocator(c10::kCUDA));
  const auto index = c10::DeviceIndex(device);
  const auto total = allocator->initialized() ? int64_t(allocator->getMemoryInfo(index).second) : int64_t{0};
  allocator->setMemoryFraction(memory_fraction(bytes, total), index);
#endif
}

}  // namespace relievo
