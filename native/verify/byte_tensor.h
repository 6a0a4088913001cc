// 8-bit pictures of fixtures, `[H, W, C]` or `[H, W]`, as values and back.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/image.h"

namespace relievo {

ByteImage bytes_from_tensor(const at::Tensor& tensor);
at::Tensor tensor_from_bytes(const ByteImage& image);  ///< [H, W, C]

}  // namespace relievo
