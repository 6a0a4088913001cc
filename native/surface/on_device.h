// Runs the kernels of kernels/ on the device that their tensors lie on.
#pragma once

#include <type_traits>

#include <ATen/core/Tensor.h>

#include "base/mesh.h"

namespace relievo {

/// Both launchers of a kernel, as arguments of launch_on.
#ifdef RELIEVO_CUDA
#define RELIEVO_LAUNCHERS(name) &kernels::name##_cpu, &kernels::name##_cuda
#else
#define RELIEVO_LAUNCHERS(name) &kernels::name##_cpu, nullptr
#endif

/// The current stream (cudaStream_t) of a GPU.
void* stream_of(const at::Device& device);
/// Throws Error{kInvalidSettings}: this build has no kernels for the device.
[[noreturn]] void throw_no_kernels(const at::Device& device);
/// Makes a GPU the current one for as long as it lives; nothing on the CPU.
class OnDevice {
 public:
  explicit OnDevice(const at::Device& device);
  ~OnDevice();
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  at::Device before_;
};

/// Calls `cpu(kernel...)` or, on a GPU, `cuda(kernel..., stream)`.
template <typename Cpu, typename Cuda, typename... Arguments>
void launch_on(const at::Device& device, const Cpu& cpu, const Cuda& cuda, const Arguments&... arguments) {
  if (device.is_cpu()) return cpu(arguments...);
  if constexpr (std::is_null_pointer_v<Cuda>) {
    throw_no_kernels(device);
  } else {
    if (!device.is_cuda()) throw_no_kernels(device);
    const OnDevice on_device(device);
    cuda(arguments..., stream_of(device));
  }
}

/// Where variable-length results begin: `starts` `[N + 1]` int32 with zero first, then counts, becomes its
/// own running sum. Returns the last. Throws Error{kInternal} when it is more than `largest`.
int64_t sum_up(at::Tensor& starts, int64_t largest);

/// A constant of the program on a device, as bytes.
at::Tensor constant_on(const at::Device& device, const void* data, int64_t bytes);

/// The surface of vertices `[V, 3]` float32 and faces `[F, 3]` int32.
Surface surface_of(const at::Tensor& vertices, const at::Tensor& faces);

}  // namespace relievo
