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
      begin_operation(key.first, "kernel");
    } catch (const c10::Error&) {
      return cudaErrorIllegalAddress;
    }
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
      note_write(key, state().streams[key][key], pointer, "a kernel of ours");
      char* const host = host_address(pointer);
      std::memcpy(static_cast<char*>(argument) + at, &host, sizeof host);
    }
    return cudaSuccess;
  }

  void lose(cudaStream_t stream) override {
    const std::lock_guard lock(state().mutex);
    state().devices.at(size_t(key_of(stream).first)).lost = Fault::kLater;
  }
};

const bool g_registered = [] {
  cuda_on_host::device = new Kernels;
  return true;
}();

}  // namespace
}  // namespace fake_cuda
