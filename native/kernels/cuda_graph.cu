#include <string>

#include <cuda_runtime.h>

#include "base/error.h"
#include "kernels/cuda_graph.h"

namespace relievo::kernels {
namespace {

/// Whoever records goes on without a graph; where the device is lost, its next call says so.
void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // or it would be taken for a later call's
  throw Error(ErrorCode::kInternal,
              std::string("A CUDA graph could not be ") + what + ": " + cudaGetErrorString(status) + ".");
}

}  // namespace

void begin_recording(void* stream) {
  // Calls of other threads that would disturb a recording, such as those that take memory, are theirs.
  check(cudaStreamBeginCapture(static_cast<cudaStream_t>(stream), cudaStreamCaptureModeThreadLocal), "begun");
}

void* end_recording(void* stream) {
  cudaGraph_t recorded = nullptr;
  check(cudaStreamEndCapture(static_cast<cudaStream_t>(stream), &recorded), "recorded");
  cudaGraphExec_t graph = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&graph, recorded, 0);
  static_cast<void>(cudaGraphDestroy(recorded));
  check(status, "made");
  return graph;
}

void abandon_recording(void* stream) noexcept {
  cudaGraph_t recorded = nullptr;
  static_cast<void>(cudaStreamEndCapture(static_cast<cudaStream_t>(stream), &recorded));
  if (recorded) static_cast<void>(cudaGraphDestroy(recorded));
  static_cast<void>(cudaGetLastError());
}

void launch_graph(void* graph, void* stream) {
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), static_cast<cudaStream_t>(stream)), "launched");
}

void destroy_graph(void* graph) noexcept {
  static_cast<void>(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)));
}

}  // namespace relievo::kernels
