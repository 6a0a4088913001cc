// Six views in one picture, as Zero123++ paints them.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/image.h"

namespace relievo {

/// Splits a picture of 3 rows x 2 columns of views into `[6, 3, h, w]` float32 in 0..1, row by row. Throws
/// Error{kInvalidImage} when it is not RGB or cannot be divided so.
at::Tensor split_view_grid(const ByteImage& grid);

/// Resizes `[V, 3, h, w]` to `[V, 3, height, width]`: bicubic with a = -0.5, antialiased, not clamped. Views
/// of that size already are returned unchanged.
at::Tensor resize_views(const at::Tensor& views, int64_t height, int64_t width);

}  // namespace relievo
