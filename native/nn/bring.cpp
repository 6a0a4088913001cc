#include "nn/bring.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace relievo {

void keep_until_read(const at::Tensor& tensor) {
  if (!tensor.is_cuda()) return;
  // A copy to another GPU, too, reads on this thread's stream of the GPU that it comes from.
  tensor.record_stream(c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(tensor.device()));
}

at::Tensor bring(const at::Tensor& tensor, const at::TensorOptions& options) {
  if (!tensor.defined()) return tensor;
  keep_until_read(tensor);
  return tensor.to(options);
}

}  // namespace relievo
