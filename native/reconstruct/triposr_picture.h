// Prepares the picture for TripoSR's encoder.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/image.h"

namespace relievo {

/// Pastes RGBA on the grey 0.5, in float32 and cut to bytes, as published: the background becomes 127.
ByteImage over_grey(const ByteImage& rgba);

/// Turns RGB into `[1, 3, side, side]` float32 in 0..1: bilinear with antialiasing; a picture that is not
/// square is squeezed into the square.
at::Tensor triposr_picture(const ByteImage& rgb, int64_t side);

}  // namespace relievo
