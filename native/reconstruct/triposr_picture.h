// The picture as TripoSR's encoder is shown it.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/image.h"

namespace relievo {

/// RGBA -> RGB over the grey 0.5, in float32 and cut to bytes, as published: the background becomes 127.
ByteImage over_grey(const ByteImage& rgba);

/// RGB -> `[1, 3, side, side]` float32 in 0..1: bilinear with antialias; another shape is squeezed to the
/// square.
at::Tensor triposr_picture(const ByteImage& rgb, int64_t side);

}  // namespace relievo
