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

/// Calls `enter(blocks, threads)` for a grid of `count` threads and throws what the launch says.
template <typename Enter>
void launch_grid(int64_t count, const Enter& enter) {
  if (count == 0) return;
  constexpr int64_t kThreads = 256;
  constexpr int64_t kMaxBlocks = int64_t{1} << 20;
  const auto blocks = static_cast<unsigned>(std::min((count + kThreads - 1) / kThreads, kMaxBlocks));
  // An earlier call of this thread, perhaps of another library, may have left an error that is not ours to
  // report. One that stays, because the context is lost, comes back with the launch.
  static_cast<void>(cudaGetLastError());
  enter(blocks, static_cast<unsigned>(kThreads));
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) throw launch_error(status);
}

/// Runs `body(i)` for i in 0..count on `stream` (a cudaStream_t) and returns without waiting. Throws
/// launch_error().
template <typename Body>
void launch(int64_t count, void* stream, Body body) {
  launch_grid(count, [&](unsigned blocks, unsigned threads) {
    RELIEVO_LAUNCH(run_body, blocks, threads, static_cast<cudaStream_t>(stream), count, body);
  });
}

/// Threads that work on one index together and can see each other's numbers: a warp on a GPU, and one thread
/// alone where the host compiles it.
struct Team {
#ifdef __CUDACC__
  static constexpr int kSize = 32;
  __device__ __forceinline__ static int lane() { return static_cast<int>(threadIdx.x) % kSize; }
  /// The value of the lane whose number differs from this one's in the bits of `distance`.
  __device__ __forceinline__ static float across(float value, int distance) {
    return __shfl_xor_sync(0xffffffffu, value, distance);
  }
#else
  static constexpr int kSize = 1;
  static int lane() { return 0; }
  static float across(float value, int) { return value; }
#endif
};

template <typename Body>
__global__ void run_team_body(int64_t count, Body body) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x / Team::kSize;
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / Team::kSize;
  for (int64_t i = first; i < count; i += stride) body(Team(), i);
}

/// Runs `body(team, i)` for i in 0..count, each by a whole team; else as launch(). All lanes of a team must
/// call Team::across() together.
template <typename Body>
void launch_teams(int64_t count, void* stream, Body body) {
  launch_grid(count * Team::kSize, [&](unsigned blocks, unsigned threads) {
    RELIEVO_LAUNCH(run_team_body, blocks, threads, static_cast<cudaStream_t>(stream), count, body);
  });
}

}  // namespace relievo::kernels
