// From the worker that made a tensor to the one that reads it.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace relievo {

/// The tensor's memory is not given away before what this thread has put in hand with it is done, whoever
/// drops it. Its allocator knows only the stream of the thread that made it.
void keep_until_read(const at::Tensor& tensor);

/// A copy that bring() has made, from and to these devices.
struct BroughtTensor {
  c10::Device from, to;
  int64_t bytes = 0;
  double seconds = 0;
};

/// Returns the copies between devices that bring() has made on this thread since the last call.
std::vector<BroughtTensor> take_brought();

/// `tensor.to(options)`, for a tensor that another worker may have made and that may be dropped at once. An
/// undefined tensor stays undefined.
///
/// Waits for a copy between devices, so that its time can be told.
at::Tensor bring(const at::Tensor& tensor, const at::TensorOptions& options);

}  // namespace relievo
