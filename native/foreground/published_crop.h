// The way InstantMesh prepares a cut-out, on bytes, as its networks were trained. cut_out (foreground.h) is
// the product's own way.
#pragma once

#include "base/image.h"

namespace relievo {

/// The box of alpha > 0, without its last row and its last column, padded with transparent black to a square
/// and then to a side of floor(square / ratio); where padding is uneven the right and bottom get the pixel
/// more. A subject of one pixel gives an empty picture. Throws Error{kNoSubject} when every alpha is zero.
ByteImage published_crop(const ByteImage& rgba, double ratio);

/// Turns a network's raw map into an 8-bit mask `[height, width, 1]`: stretched from its lowest and highest
/// value to 0..255, truncated, resampled with Lanczos.
ByteImage published_mask(const Mask& map, int width, int height);

/// Turns RGB and a mask of the same size into RGBA over transparent black, so that colours are darkened where
/// the mask is soft.
ByteImage published_cut_out(const ByteImage& rgb, const ByteImage& mask);

}  // namespace relievo
