#include "nn/bring.h"

#include <utility>

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/clock.h"

namespace relievo {
namespace {

thread_local std::vector<BroughtTensor> t_brought;

}  // namespace

void keep_until_read(const at::Tensor& tensor) {
  if (!tensor.is_cuda()) return;
  // A copy to another GPU, too, reads on this thread's stream of the GPU that it comes from.
  tensor.record_stream(c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(tensor.device()));
}

at::Tensor bring(const at::Tensor& tensor, const at::TensorOptions& options) {
  if (!tensor.defined()) return tensor;
  keep_until_read(tensor);
  const auto start = Clock::now();
  at::Tensor there = tensor.to(options);
  if (there.device() == tensor.device()) return there;
  for (const at::Device device : {tensor.device(), there.device()}) {
    if (device.is_cuda()) c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(device).synchronize();
  }
  t_brought.push_back({tensor.device(), there.device(), int64_t(there.nbytes()), seconds_since(start)});
  return there;
}

std::vector<BroughtTensor> take_brought() { return std::exchange(t_brought, {}); }

}  // namespace relievo
