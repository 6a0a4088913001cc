#include "nn/gpu_graph.h"

#include <utility>

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#ifdef RELIEVO_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

#include "base/log.h"
#include "kernels/cuda_graph.h"
#include "nn/launch.h"

namespace relievo {

#ifdef RELIEVO_CUDA

/// A private pool of torch's allocator: what is freed in it is not given to anything else, for the graph uses
/// it again at its next launch.
class GpuGraph::Pool {
 public:
  explicit Pool(const at::Device& gpu) : gpu_(gpu.index()), id_{next_id(), 0} {}
  ~Pool() {
    if (!has_begun_) return;
    try {
      if (is_filling_) end();
      allocator().releasePool(gpu_, id_);
    } catch (...) {  // the pool is left to the process's end
    }
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// From now on memory for the stream comes from it.
  void begin(void* stream) {
    allocator().beginAllocateToPool(gpu_, id_, [stream](cudaStream_t other) { return other == stream; });
    has_begun_ = is_filling_ = true;
  }
  void end() {
    is_filling_ = false;
    allocator().endAllocateToPool(gpu_, id_);
  }

 private:
  using Allocator = c10::cuda::CUDACachingAllocator::CUDAAllocator;
  /// As in runtime/torch/device_memory.cpp: only virtual functions are called.
  static Allocator& allocator() { return *static_cast<Allocator*>(c10::getDeviceAllocator(c10::kCUDA)); }
  /// Torch counts its own from 1 on.
  static uint64_t next_id() {
    static std::atomic<uint64_t> last{uint64_t{1} << 48};
    return ++last;
  }

  c10::DeviceIndex gpu_;
  c10::MempoolId_t id_;
  bool has_begun_ = false, is_filling_ = false;
};

GpuGraph::GpuGraph(const at::Device& gpu) : gpu_(gpu), pool_(std::make_unique<Pool>(gpu)) {}

GpuGraph::~GpuGraph() {
  if (!graph_) return;
  try {
    const c10::impl::VirtualGuardImpl cuda(gpu_.type());
    cuda.getStream(gpu_).synchronize();
  } catch (...) {  // a lost device computes nothing any more
  }
  kernels::destroy_graph(graph_);
}

std::unique_ptr<GpuGraph> GpuGraph::record(const at::Device& gpu, const std::function<void()>& body) {
  const CurrentGpu current(gpu);
  void* const stream = current.stream();
  std::unique_ptr<GpuGraph> made(new GpuGraph(gpu));
  made->pool_->begin(stream);  // before the stream records: see torch's CUDAGraph::capture_begin
  kernels::begin_recording(stream);
  try {
    body();
  } catch (...) {
    kernels::abandon_recording(stream);
    throw;
  }
  made->graph_ = kernels::end_recording(stream);
  made->pool_->end();
  return made;
}

void GpuGraph::launch() const {
  const CurrentGpu current(gpu_);
  kernels::launch_graph(graph_, current.stream());
}

#else

class GpuGraph::Pool {};

GpuGraph::GpuGraph(const at::Device& gpu) : gpu_(gpu) {}
GpuGraph::~GpuGraph() = default;

std::unique_ptr<GpuGraph> GpuGraph::record(const at::Device& gpu, const std::function<void()>&) {
  const CurrentGpu refused(gpu);
  return nullptr;
}
void GpuGraph::launch() const {}

#endif

void GpuGraphs::give_up(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (given_up_.exchange(true)) return;
    why_ = why;
  }
  log(LogLevel::kWarning, "No CUDA graphs are used any more: " + why);
}

std::string GpuGraphs::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

}  // namespace relievo
