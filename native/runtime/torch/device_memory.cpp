#include "runtime/torch/device_memory.h"

#include <cstdlib>
#include <filesystem>

#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/AllocatorConfig.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <dlfcn.h>

namespace relievo {

std::string allocator_settings(Policy policy) {
  switch (policy) {
    case Policy::kFastest:
      return "expandable_segments:True";
    case Policy::kBalanced:
      return "expandable_segments:True,garbage_collection_threshold:0.8";
    case Policy::kMemory:
      return "max_split_size_mb:128,garbage_collection_threshold:0.6";
  }
  return {};
}

std::string apply_allocator_settings(Policy policy) {
  static const std::string persons = [] {  // read before we set it ourselves
    for (const char* name : {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"}) {
      if (const char* own = std::getenv(name); own && *own) return std::string(own);
    }
    return std::string();
  }();
  if (!persons.empty()) return persons;
  const std::string settings = allocator_settings(policy);
  // libtorch_cuda reads the variable when it is opened; a library that is open already is told.
  setenv("PYTORCH_ALLOC_CONF", settings.c_str(), 1);
  c10::CachingAllocator::setAllocatorSettings(settings);
  return settings;
}

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

}  // namespace relievo
