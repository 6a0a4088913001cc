// What the network says of a picture: how much each of its regions belongs to the subject.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/image.h"
#include "foreground/u2net.h"
#include "nn/execution.h"

namespace relievo {

inline constexpr int kSubjectMapSide = 320;  ///< what U2-Net was trained at

/// The picture's colours as bytes, sRGB-encoded, without alpha. A large picture is averaged over blocks of
/// k x k pixels, so that its longer side stays below 2048.
ByteImage colour_bytes(const Image& picture);

/// RGB bytes at the network's size -> `[1, 3, H, W]` float32: over the highest byte (a dark picture becomes a
/// bright one), then normalised with ImageNet's mean and deviation.
at::Tensor network_input(const ByteImage& rgb);

/// RGB bytes of any size -> the raw map, 0..1, `kSubjectMapSide` a side. Throws Error{kCancelled}.
Mask subject_map(const ByteImage& rgb, U2Net& network, const Execution& execution);

/// The map with its lowest value at 0 and its highest at 1; a map of one value becomes 1.
Mask stretched(const Mask& map);

}  // namespace relievo
