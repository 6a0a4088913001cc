// Computes by the network how much each region of a picture belongs to the subject.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/image.h"
#include "foreground/u2net.h"
#include "nn/execution.h"

namespace relievo {

inline constexpr int kSubjectMapSide = 320;  ///< the size that U2-Net was trained at

/// The picture's colours as bytes, sRGB-encoded, without alpha. A large picture is averaged over blocks of k
/// x k pixels, so that its longer side stays below 2048.
ByteImage colour_bytes(const Image& picture);

/// Turns RGB bytes at the network's size into `[1, 3, H, W]` float32: divided by the highest byte (which
/// makes a dark picture bright), then normalised with ImageNet's mean and deviation.
at::Tensor network_input(const ByteImage& rgb);

/// Turns RGB bytes of any size into the raw map, 0..1, `kSubjectMapSide` a side. Throws Error{kCancelled}.
Mask subject_map(const ByteImage& rgb, U2Net& network, const Execution& execution);

/// Stretches the map so that its lowest value is 0 and its highest 1; a map of one value becomes 1.
Mask stretched(const Mask& map);

}  // namespace relievo
