// Runs the kernels of kernels/ on the device that their tensors lie on. Kernels are launched nowhere else.
#pragma once

#include <type_traits>

#include <ATen/core/Tensor.h>

namespace relievo {

/// Names both launchers of a kernel, as arguments of launch_on.
#ifdef RELIEVO_CUDA
#define RELIEVO_LAUNCHERS(name) &kernels::name##_cpu, &kernels::name##_cuda
#else
#define RELIEVO_LAUNCHERS(name) &kernels::name##_cpu, nullptr
#endif

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

/// Calls `cpu(arguments...)` or, on a GPU, `cuda(arguments..., stream)` with that GPU as the current one.
/// Throws Error{kInvalidSettings} where this build has no kernels for the device.
template <typename Cpu, typename Cuda, typename... Arguments>
void launch_on(const at::Device& device, const Cpu& cpu, const Cuda& cuda, const Arguments&... arguments) {
  if (device.is_cpu()) return cpu(arguments...);
  const CurrentGpu gpu(device);
  if constexpr (!std::is_null_pointer_v<Cuda>) cuda(arguments..., gpu.stream());
}

}  // namespace relievo
