// From the worker that made a tensor to the one that reads it.
#pragma once

#include <ATen/core/Tensor.h>

namespace relievo {

/// The tensor's memory is not given away before what this thread has put in hand with it is done, whoever
/// drops it. Its allocator knows only the stream of the thread that made it.
void keep_until_read(const at::Tensor& tensor);

/// `tensor.to(options)`, for a tensor that another worker may have made and that may be dropped at once. An
/// undefined tensor stays undefined.
at::Tensor bring(const at::Tensor& tensor, const at::TensorOptions& options);

}  // namespace relievo
