// Launches a body over 0..count on a CUDA grid. Included by .cu files only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include <cuda_runtime.h>

#include "base/error.h"

namespace relievo::kernels {

template <typename Body>
__global__ void run_body(int64_t count, Body body) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
    body(i);
}

template <typename Body>
void launch(int64_t count, void* stream, Body body) {
  if (count == 0) return;
  constexpr int64_t kThreads = 256;
  constexpr int64_t kMaxBlocks = int64_t{1} << 20;
  const auto blocks = static_cast<unsigned>(std::min((count + kThreads - 1) / kThreads, kMaxBlocks));
  run_body<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(count, body);
  if (const cudaError_t status = cudaGetLastError(); status != cudaSuccess) {
    throw Error(ErrorCode::kDeviceLost,
                std::string("A CUDA kernel could not be launched: ") + cudaGetErrorString(status),
                "Check the graphics driver, or run on another device.");
  }
}

}  // namespace relievo::kernels
