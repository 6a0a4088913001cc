// Launches a body over 0..count on a CUDA grid. Included by .cu files only, which nvcc compiles, and for
// tests without a GPU the host compiler beside tests/native/cuda_on_host/cuda_runtime.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <cuda_runtime.h>

#include "base/error.h"

// The stand-in for tests defines its own macro, because only nvcc knows this syntax.
#ifndef RELIEVO_LAUNCH
#define RELIEVO_LAUNCH(kernel, blocks, threads, stream, ...) \
  kernel<<<(blocks), (threads), 0, (stream)>>>(__VA_ARGS__)
#endif

namespace relievo::kernels {

/// Translates a failed launch for the runtime: a lack of memory, which has fallbacks; a card that the kernels
/// are not compiled for, or any other state of the device, which leave the device out; or a fault of ours.
inline Error launch_error(cudaError_t status) {
  const std::string message =
      std::string("A CUDA kernel could not be launched: ") + cudaGetErrorString(status) + ".";
  switch (status) {
    case cudaErrorMemoryAllocation:
      return {ErrorCode::kOutOfMemory, message,
              "Close other programs that use the GPU, or choose another device."};
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorLaunchOutOfResources:
      return {ErrorCode::kInternal, message, "This is a fault in Relievo; please report it with its log."};
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion: {
      int device = 0, major = 0, minor = 0;
      cudaGetDevice(&device);
      cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
      cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
      return {ErrorCode::kDeviceLost,
              "This build has no kernels for compute capability " + std::to_string(major) + "." +
                  std::to_string(minor) + " of GPU " + std::to_string(device) + ": " +
                  cudaGetErrorString(status) + ".",
              "Use a GPU of compute capability 7.5 or later, update the graphics driver, or run on another "
              "device."};
    }
    default:
      return {ErrorCode::kDeviceLost, message, "Check the graphics driver, or run on another device."};
  }
}

template <typename Body>
__global__ void run_body(int64_t count, Body body) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
    body(i);
}

/// Runs `body(i)` for i in 0..count on `stream` (a cudaStream_t) and returns without waiting. Throws
/// launch_error().
template <typename Body>
void launch(int64_t count, void* stream, Body body) {
  if (count == 0) return;
  constexpr int64_t kThreads = 256;
  constexpr int64_t kMaxBlocks = int64_t{1} << 20;
  const auto blocks = static_cast<unsigned>(std::min((count + kThreads - 1) / kThreads, kMaxBlocks));
  // An earlier call of this thread, perhaps of another library, may have left an error that is not ours to
  // report. One that stays, because the context is lost, comes back with the launch.
  static_cast<void>(cudaGetLastError());
  RELIEVO_LAUNCH(run_body, blocks, static_cast<unsigned>(kThreads), static_cast<cudaStream_t>(stream), count,
                 body);
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) throw launch_error(status);
}

}  // namespace relievo::kernels
