// Work of a GPU that is recorded once and then given to it by one call, with memory of its own: as
// at::cuda::CUDAGraph, which would have to be linked.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <ATen/core/Tensor.h>

namespace relievo {

class GpuGraph {
 public:
  /// Records what `body` gives to the GPU on this thread's stream, which must not be the default one. Nothing
  /// of it is computed, and it must not wait for the GPU. Tensors that it makes and keeps have their numbers
  /// after each launch; those that it reads must stay where they are as long as the graph lives. Throws what
  /// the body throws, and Error{kInternal, kInvalidSettings}.
  static std::unique_ptr<GpuGraph> record(const at::Device& gpu, const std::function<void()>& body);

  /// Waits for the GPU.
  ~GpuGraph();
  GpuGraph(const GpuGraph&) = delete;
  GpuGraph& operator=(const GpuGraph&) = delete;

  /// Gives the work to this thread's stream of the GPU and returns. Throws Error{kInternal}.
  void launch() const;

 private:
  class Pool;
  explicit GpuGraph(const at::Device& gpu);

  at::Device gpu_;
  std::unique_ptr<Pool> pool_;
  void* graph_ = nullptr;
};

/// Whether work may be recorded. Any thread may use it.
class GpuGraphs {
 public:
  bool are_wanted() const { return !given_up_; }
  /// From now on everything is given call by call; the log says why, once.
  void give_up(const std::string& why);
  std::string why() const;  ///< of the first time; empty before

 private:
  mutable std::mutex mutex_;
  std::string why_;
  std::atomic<bool> given_up_{false};
};

}  // namespace relievo
