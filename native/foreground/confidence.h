// Judges how far the outline that a network finds can be trusted.
#pragma once

#include "base/image.h"

namespace relievo {

/// The facts that speak against an outline.
struct Doubt {
  /// The share of the subject's area that the network assigns neither to the subject nor to the ground,
  /// beyond the width of an edge.
  double unsure = 0;
  /// On an even ground: the share by which the outline differs from the region of another colour than the
  /// ground; negative where the ground is not even.
  double against_ground = -1;
};

/// Judges a network's map (stretched to 0..1) of the picture whose colours are given, at the map's size or
/// larger.
Doubt doubt_of(const Mask& map, float threshold, const ByteImage& colours);

}  // namespace relievo
