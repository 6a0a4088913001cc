// How far the outline that a network finds can be trusted.
#pragma once

#include "base/image.h"

namespace relievo {

/// What speaks against an outline.
struct Doubt {
  /// Of the subject's area: what the network itself gives neither to the subject nor to the ground, beyond
  /// the width of an edge.
  double unsure = 0;
  /// On an even ground: the share by which the outline differs from what has another colour than the ground;
  /// negative where the ground is not even.
  double against_ground = -1;
};

/// Of a network's map (stretched to 0..1) of the picture whose colours are given, at the map's size or
/// larger.
Doubt doubt_of(const Mask& map, float threshold, const ByteImage& colours);

}  // namespace relievo
