// Resizes pictures, and reads them between their pixels.
#pragma once

#include <vector>

#include "base/image.h"

namespace relievo::kernels {

/// Resamples `values` `[height, width, channels]` to `[new_height, new_width, channels]` with a triangle
/// filter that is as wide as the coarser of the two grids' pixels: linear interpolation when growing,
/// antialiased when shrinking, the identity at the same size. Straight-alpha colours must be premultiplied or
/// grown before, else those of transparent pixels bleed in.
std::vector<float> resample(const std::vector<float>& values, int width, int height, int channels,
                            int new_width, int new_height);

/// Writes the picture's colour at (x, y), in pixels from its top left corner (pixel centres at halves), to
/// `colour[0..channels)`: bilinear, the border's colours beyond the border.
void sample_bilinear(const Image& image, float x, float y, float* colour);

}  // namespace relievo::kernels
