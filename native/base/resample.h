// Pictures of bytes at another size, to the bit as PIL makes them: the networks were trained on such.
#pragma once

#include "base/image.h"

namespace relievo {

/// Reach of each, in pixels of the coarser of the two grids: 1, 2 and 3.
enum class ResampleFilter {
  kBilinear,  ///< triangle
  kBicubic,   ///< Keys' cubic with a = -0.5
  kLanczos,   ///< sinc windowed by a sinc of three times its width
};

/// The value of the filter at `x`.
double filter_value(ResampleFilter filter, double x);
double filter_reach(ResampleFilter filter);

/// Resamples each channel by itself, along rows and along columns. When shrinking the filter widens
/// (antialiasing); over the border it is cut off and normalised anew. As in PIL, weights are fixed-point
/// numbers of 22 fraction bits and bytes are rounded after either pass; a pass that keeps the size is left
/// out. Rows go first, but columns where the height loses more than twice as many pixels as the width (since
/// Pillow 13; the order shows in a level or two). Neither picture may be empty.
ByteImage resample(const ByteImage& image, int width, int height, ResampleFilter filter);

}  // namespace relievo
