// Runs the kernels of kernels/ on the device that their tensors lie on. Kernels are launched nowhere else.
#pragma once

#include <type_traits>

#include <ATen/core/Tensor.h>

#include "kernels/half.h"

namespace relievo {

/// Name the launchers of a kernel, as arguments of launch_on and launch_on_gpu.
#ifdef RELIEVO_CUDA
#define RELIEVO_GPU_LAUNCHER(name) &kernels::name##_cuda
#else
#define RELIEVO_GPU_LAUNCHER(name) nullptr
#endif
#define RELIEVO_LAUNCHERS(name) &kernels::name##_cpu, RELIEVO_GPU_LAUNCHER(name)

/// Whether this build has kernels for the tensor's device and numbers, and no gradients are wanted. Then the
/// networks' layers may take our own kernels in place of several of torch's operators.
bool has_gpu_kernels(const at::Tensor& x);

/// Throws Error{kInternal} for numbers that no kernel takes.
kernels::NumberType number_type(const at::Tensor& x);

/// Makes a GPU the thread's current one for as long as it lives.
class CurrentGpu {
 public:
  /// Throws Error{kInvalidSettings} for a device that is no GPU or that this build has no kernels for.
  explicit CurrentGpu(const at::Device& gpu);
  ~CurrentGpu();
  CurrentGpu(const CurrentGpu&) = delete;
  CurrentGpu& operator=(const CurrentGpu&) = delete;

  void* stream() const;  ///< the GPU's current stream (cudaStream_t)

 private:
  at::Device gpu_;
  at::Device before_;
};

/// Calls `cuda(arguments..., stream)` with the GPU as the current one, for a kernel that the CPU has no use
/// for. Throws as launch_on.
template <typename Cuda, typename... Arguments>
void launch_on_gpu(const at::Device& device, const Cuda& cuda, const Arguments&... arguments) {
  const CurrentGpu gpu(device);
  if constexpr (!std::is_null_pointer_v<Cuda>) cuda(arguments..., gpu.stream());
}

/// Calls `cpu(arguments...)` or, on a GPU, `cuda(arguments..., stream)` with that GPU as the current one.
/// Throws Error{kInvalidSettings} where this build has no kernels for the device.
template <typename Cpu, typename Cuda, typename... Arguments>
void launch_on(const at::Device& device, const Cpu& cpu, const Cuda& cuda, const Arguments&... arguments) {
  if (device.is_cpu()) return cpu(arguments...);
  launch_on_gpu(device, cuda, arguments...);
}

}  // namespace relievo
