#include "nn/launch.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include "base/error.h"

namespace relievo {
namespace {

const at::Device& require_kernels(const at::Device& device) {
#ifdef RELIEVO_CUDA
  if (device.is_cuda()) return device;
#endif
  throw Error(ErrorCode::kInvalidSettings, fmt::format("This build cannot compute on {}.", device.str()),
              "Use the CPU, or a build with CUDA.");
}

}  // namespace

CurrentGpu::CurrentGpu(const at::Device& gpu)
    : gpu_(require_kernels(gpu)), before_(c10::impl::VirtualGuardImpl(gpu.type()).exchangeDevice(gpu)) {}

CurrentGpu::~CurrentGpu() { c10::impl::VirtualGuardImpl(before_.type()).uncheckedSetDevice(before_); }

void* CurrentGpu::stream() const {
  return c10::impl::VirtualGuardImpl(gpu_.type()).getStream(gpu_).native_handle();
}

}  // namespace relievo
