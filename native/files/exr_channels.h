// Writes OpenEXR files with any channels, for renders in layers.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// One channel of an OpenEXR file. A dot in its name separates layer and channel: "normal.X".
struct ExrChannel {
  std::string name;
  const float* first = nullptr;  ///< value of the top left pixel
  /// Floats from one pixel to the next; rows follow each other without a gap.
  size_t stride = 1;
  bool half = false;  ///< stored in 16 bits (clamped to +-65504), else in 32
};

/// Encodes a scan line file, ZIP-compressed, that says what it was made of, where that is known
/// (files/source_mark.h). Throws Error{kInternal} for two channels of one name or none at all.
std::vector<std::byte> encode_exr_channels(int width, int height, std::span<const ExrChannel> channels,
                                           const Provenance& provenance = {});

}  // namespace relievo
