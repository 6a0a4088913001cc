// Between kernels/ and tensors.
#pragma once

#include <vector>

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include "base/error.h"

namespace relievo {

/// `count` values of plain memory as a tensor on the device; on the CPU it is the memory itself.
template <typename Value>
at::Tensor on_device(const Value* values, int64_t count, at::ScalarType type, at::Device device) {
  if (count == 0) return at::empty({0}, at::TensorOptions().dtype(type).device(device));
  return at::from_blob(const_cast<Value*>(values), {count}, at::TensorOptions().dtype(type)).to(device);
}

inline void* stream_of(at::Device device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device).native_handle();
}

/// Calls `cpu()` for the CPU, `cuda(stream)` for a GPU.
template <typename Cpu, typename Cuda>
void launch_on(at::Device device, const Cpu& cpu, [[maybe_unused]] const Cuda& cuda) {
  if (device.is_cpu()) return cpu();
#ifdef RELIEVO_CUDA
  if (device.is_cuda()) return cuda(stream_of(device));
#endif
  throw Error(ErrorCode::kInvalidSettings, fmt::format("This build cannot compute on {}.", device.str()),
              "Use the CPU, or a build with CUDA.");
}

}  // namespace relievo
