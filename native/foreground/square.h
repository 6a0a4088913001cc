// Resamples a square of a picture under a mask.
#pragma once

#include "base/control.h"
#include "base/image.h"

namespace relievo {

/// Returns `[side, side, 4]`, sRGB-encoded with straight alpha: the `crop` of the picture with `alpha` (of
/// the picture's size) in place of its own. The filter is bicubic (a = -0.5), antialiased; colours are
/// filtered multiplied by their alpha, so that nothing of the background bleeds into the subject, and divided
/// by it again. Linear pictures are filtered as light. A small picture of few colours, drawn pixel by pixel,
/// is enlarged without smoothing. Pixels outside the picture, and transparent ones, are transparent black.
/// Takes no memory beyond the result and a few rows. Throws Error{kCancelled}.
Image resample_square(const Image& picture, const Mask& alpha, const Crop& crop, int side,
                      const Control& control);

}  // namespace relievo
