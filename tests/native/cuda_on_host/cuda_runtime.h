// Stands in for NVIDIA's cuda_runtime.h where the host compiler compiles the .cu files, so that tests run
// their launchers and kernels without a GPU. Blocks run in shuffled order on several threads, and the threads
// of a block in reverse order one after the other, so a kernel that leans on an order gives another result
// here, too.
//
// What it does not show: anything about warps or shared memory; about device memory and streams only beside
// ../fake_cuda. A kernel that uses shared memory or __syncthreads() does not compile with it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <numeric>
#include <random>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#define __host__
#define __device__
#define __global__
#define RELIEVO_LAUNCH(kernel, blocks, threads, stream, ...) \
  cuda_on_host::launch((blocks), (threads), (stream),        \
                       [](const auto&... arguments) { kernel(arguments...); }, __VA_ARGS__)

struct CUstream_st;
using cudaStream_t = CUstream_st*;
struct CUgraph_st;
using cudaGraph_t = CUgraph_st*;
struct CUgraphExec_st;
using cudaGraphExec_t = CUgraphExec_st*;

/// The values are NVIDIA's (cudaError_t).
enum cudaError_t : int {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidDeviceFunction = 98,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorUnsupportedPtxVersion = 222,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchOutOfResources = 701,
  cudaErrorLaunchFailure = 719,
  cudaErrorNotSupported = 801,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorStreamCaptureUnmatched = 903,
};
enum cudaStreamCaptureMode : int {
  cudaStreamCaptureModeGlobal = 0,
  cudaStreamCaptureModeThreadLocal = 1,
  cudaStreamCaptureModeRelaxed = 2,
};
enum cudaDeviceAttr : int {
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76,
};

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
inline thread_local uint3 blockIdx, threadIdx, blockDim, gridDim;

namespace cuda_on_host {

inline thread_local cudaError_t last_error = cudaSuccess;  // of this thread, as CUDA keeps it
inline thread_local cudaError_t next_launch = cudaSuccess;
inline std::atomic<int64_t> launches{0};

/// The next launch of this thread fails with `error` and runs nothing.
inline void fail_next_launch(cudaError_t error) { next_launch = error; }

/// What stands in for a device with memory of its own, where anything does (../fake_cuda/kernels.cpp).
struct Device {
  virtual ~Device() = default;
  virtual cudaError_t begin_launch(cudaStream_t stream) = 0;
  /// Makes a kernel's argument one that the host can follow.
  virtual cudaError_t take_argument(cudaStream_t stream, void* argument, size_t bytes) = 0;
  /// A kernel of this stream has trapped: the device is lost, and whoever asks it next is told.
  virtual void lose(cudaStream_t stream) = 0;

  /// Takes what would run now where the stream records a graph, and returns whether it does.
  virtual bool record(cudaStream_t stream, const std::function<void()>& run) = 0;
  virtual cudaError_t begin_capture(cudaStream_t stream, cudaStreamCaptureMode mode) = 0;
  virtual cudaError_t end_capture(cudaStream_t stream, cudaGraph_t* graph) = 0;
  virtual cudaError_t instantiate(cudaGraphExec_t* made, cudaGraph_t graph) = 0;
  virtual cudaError_t launch(cudaGraphExec_t graph, cudaStream_t stream) = 0;
  virtual void destroy(cudaGraph_t graph) = 0;
  virtual void destroy(cudaGraphExec_t graph) = 0;
};
inline Device* device = nullptr;
inline std::atomic<bool> trapped{false};  // by a kernel that runs now

/// Calls `thread()` for every thread of every block.
template <typename Thread>
void run_blocks(unsigned blocks, unsigned threads, const Thread& thread) {
  std::vector<unsigned> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937(blocks));
  constexpr size_t kWorkers = 3;
  std::vector<std::thread> workers;
  for (size_t worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&, worker] {
      gridDim = {blocks, 1, 1};
      blockDim = {threads, 1, 1};
      for (size_t i = worker; i < order.size(); i += kWorkers) {
        blockIdx.x = order[i];
        for (unsigned number = threads; number-- > 0;) {
          threadIdx.x = number;
          thread();
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
}

template <typename Kernel, typename... Arguments>
void launch(unsigned blocks, unsigned threads, cudaStream_t stream, const Kernel& kernel,
            Arguments... arguments) {
  static_assert((std::is_trivially_copyable_v<Arguments> && ...), "CUDA copies arguments byte by byte");
  ++launches;
  if (next_launch != cudaSuccess) {
    last_error = std::exchange(next_launch, cudaSuccess);
    return;
  }
  if (device) {
    cudaError_t status = device->begin_launch(stream);
    const auto take = [&](auto& argument) {
      if (status == cudaSuccess) status = device->take_argument(stream, &argument, sizeof argument);
    };
    (take(arguments), ...);
    if (status != cudaSuccess) {
      last_error = status;
      return;
    }
  }
  const auto run = [blocks, threads, stream, kernel, arguments...] {
    run_blocks(blocks, threads, [&] { kernel(arguments...); });
    if (trapped.exchange(false) && device) device->lose(stream);
  };
  if (device && device->record(stream, run)) return;
  run();
}

}  // namespace cuda_on_host

inline void __trap() { cuda_on_host::trapped = true; }

/// Gives the thread's error back and forgets it. An error that stays, as a GPU's illegal address does, is not
/// played.
inline cudaError_t cudaGetLastError() { return std::exchange(cuda_on_host::last_error, cudaSuccess); }

inline const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorNoKernelImageForDevice:
      return "no kernel image is available for execution on the device";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    default:
      return "an error of the stand-in";
  }
}

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

// Graphs, of which only a device with memory of its own knows anything.

namespace cuda_on_host {
template <typename Call>
cudaError_t of_device(const Call& call) {
  const cudaError_t status = device ? call(*device) : cudaErrorNotSupported;
  if (status != cudaSuccess) last_error = status;
  return status;
}
}  // namespace cuda_on_host

inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return cuda_on_host::of_device([&](auto& device) { return device.begin_capture(stream, mode); });
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return cuda_on_host::of_device([&](auto& device) { return device.end_capture(stream, graph); });
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  return cuda_on_host::of_device([&](auto& device) { return device.instantiate(made, graph); });
}
inline cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  return cuda_on_host::of_device([&](auto& device) { return device.launch(graph, stream); });
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  if (cuda_on_host::device) cuda_on_host::device->destroy(graph);
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  if (cuda_on_host::device) cuda_on_host::device->destroy(graph);
  return cudaSuccess;
}

/// A Volta card, which is older than the kernels are compiled for.
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? 7 : 0;
  return cudaSuccess;
}
