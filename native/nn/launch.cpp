#include "nn/launch.h"

#include <ATen/core/grad_mode.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include "base/error.h"
#include "nn/plain_pass.h"

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

bool has_gpu_kernels(const at::Tensor& x) {
#ifdef RELIEVO_CUDA
  const at::ScalarType type = x.scalar_type();
  return x.is_cuda() && !at::GradMode::is_enabled() && !PlainPass::is_on() &&
         (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
#else
  static_cast<void>(x);
  return false;
#endif
}

kernels::NumberType number_type(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return kernels::NumberType::kFloat;
    case at::kBFloat16:
      return kernels::NumberType::kBFloat16;
    case at::kHalf:
      return kernels::NumberType::kFloat16;
    default:
      throw Error(ErrorCode::kInternal, "A kernel was given numbers of another type.");
  }
}

CurrentGpu::CurrentGpu(const at::Device& gpu)
    : gpu_(require_kernels(gpu)), before_(c10::impl::VirtualGuardImpl(gpu.type()).exchangeDevice(gpu)) {}

CurrentGpu::~CurrentGpu() { c10::impl::VirtualGuardImpl(before_.type()).uncheckedSetDevice(before_); }

void* CurrentGpu::stream() const {
  return c10::impl::VirtualGuardImpl(gpu_.type()).getStream(gpu_).native_handle();
}

}  // namespace relievo
