// A square of a picture at another size, under a mask.
#pragma once

#include "base/control.h"
#include "base/image.h"

namespace relievo {

/// `[side, side, 4]` sRGB-encoded with straight alpha: `crop` of the picture with `alpha` (of the picture's
/// size) in place of its own. Bicubic (a = -0.5), antialiased; colours are filtered times their alpha, so
/// that nothing of the background bleeds into the subject, and divided by it again. Linear pictures are
/// filtered as light. A small picture of few colours, drawn pixel by pixel, is enlarged without smoothing.
/// What lies outside the picture, or is transparent, is transparent black. Takes no memory beyond the result
/// and a few rows. Throws Error{kCancelled}.
Image resample_square(const Image& picture, const Mask& alpha, const Crop& crop, int side,
                      const Control& control);

}  // namespace relievo
