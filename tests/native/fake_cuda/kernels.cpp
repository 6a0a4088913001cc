#include <cstring>

#include <cuda_runtime.h>
#include <fmt/format.h>

#include "state.h"

namespace fake_cuda {
namespace {

StreamKey key_of(cudaStream_t stream) {
  return stream ? *reinterpret_cast<const StreamKey*>(stream) : StreamKey(current_device(), 0);
}

/// Our own kernels, compiled for the host. Their arguments are plain structures: every word in them that is
/// an address of the device's becomes the host's. (Padding may look like one, too: only the upper half of its
/// word changes, which is padding where the lower half is a number.)
class Kernels final : public cuda_on_host::Device {
 public:
  cudaError_t begin_launch(cudaStream_t stream) override {
    const StreamKey key = key_of(stream);
    if (key.first != current_device()) return cudaErrorInvalidResourceHandle;
    try {
      begin_operation(key.first, kKernel);
    } catch (const c10::Error&) {
      return cudaErrorIllegalAddress;
    }
    touches_.clear();
    if (is_recording(key)) return cudaSuccess;
    const std::lock_guard lock(state().mutex);
    begin_step(key);
    return cudaSuccess;
  }

  cudaError_t take_argument(cudaStream_t stream, void* argument, size_t bytes) override {
    const StreamKey key = key_of(stream);
    for (size_t at = 0; at + sizeof(uintptr_t) <= bytes; at += sizeof(uintptr_t)) {
      uintptr_t word = 0;
      std::memcpy(&word, static_cast<char*>(argument) + at, sizeof word);
      void* const pointer = reinterpret_cast<void*>(word);
      if (is_tensor_of_host(pointer)) {
        const std::lock_guard lock(state().mutex);
        find(fmt::format("A kernel of ours is given a tensor of the CPU in byte {} of {} of its argument.",
                         at, bytes));
        return cudaErrorIllegalAddress;
      }
      if (!is_device_address(pointer)) continue;
      const std::lock_guard lock(state().mutex);
      const Block* const block = block_at(pointer);
      if (block && block->device != key.first) return cudaErrorIllegalAddress;
      // Of an argument nobody knows whether the kernel writes there. What came from the host, as weights do,
      // none of ours writes over; parts of one GPU read the same weights.
      const bool is_written = !block || !block->came_from_host;
      if (state().recordings.contains(key)) {
        touches_.push_back(touch_of(pointer, is_written));
      } else {
        (is_written ? note_write : note_read)(key, state().streams[key][key], pointer, "a kernel of ours");
      }
      char* const host = host_address(pointer);
      std::memcpy(static_cast<char*>(argument) + at, &host, sizeof host);
    }
    return cudaSuccess;
  }

  void lose(cudaStream_t stream) override {
    const std::lock_guard lock(state().mutex);
    state().devices.at(size_t(key_of(stream).first)).lost = Fault::kLater;
  }

  bool record(cudaStream_t stream, const std::function<void()>& run) override {
    const StreamKey key = key_of(stream);
    if (!is_recording(key)) return false;
    record_step(key, {.what = "a kernel of ours", .touches = std::exchange(touches_, {}), .run = run});
    return true;
  }
  cudaError_t begin_capture(cudaStream_t stream, cudaStreamCaptureMode mode) override {
    return mode == cudaStreamCaptureModeThreadLocal ? cudaError_t(begin_recording(key_of(stream)))
                                                    : cudaErrorNotSupported;
  }
  cudaError_t end_capture(cudaStream_t stream, cudaGraph_t* graph) override {
    Graph* made = nullptr;
    const int status = end_recording(key_of(stream), &made);
    *graph = reinterpret_cast<cudaGraph_t>(made);
    return cudaError_t(status);
  }
  cudaError_t instantiate(cudaGraphExec_t* made, cudaGraph_t graph) override {
    Graph* copy = nullptr;
    const int status = instantiate_graph(*reinterpret_cast<Graph*>(graph), &copy);
    *made = reinterpret_cast<cudaGraphExec_t>(copy);
    return cudaError_t(status);
  }
  cudaError_t launch(cudaGraphExec_t graph, cudaStream_t stream) override {
    return cudaError_t(launch_graph(*reinterpret_cast<Graph*>(graph), key_of(stream)));
  }
  void destroy(cudaGraph_t graph) override { destroy_graph(reinterpret_cast<Graph*>(graph)); }
  void destroy(cudaGraphExec_t graph) override { destroy_graph(reinterpret_cast<Graph*>(graph)); }

 private:
  static thread_local std::vector<Touch> touches_;  // of the launch that begins
};
thread_local std::vector<Touch> Kernels::touches_;

const bool g_registered = [] {
  cuda_on_host::device = new Kernels;
  return true;
}();

}  // namespace
}  // namespace fake_cuda
