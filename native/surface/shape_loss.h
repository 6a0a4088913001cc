// What simplification and cleaning take away from a shape.
#pragma once

#include "base/mesh.h"

namespace relievo {

/// What a surface has lost against the one that it was made of.
struct ShapeLoss {
  int pieces_before = 0;
  int pieces_after = 0;
  double volume = 0;   ///< share of the volume, 0..1
  double outline = 0;  ///< share of the outline that is no longer covered, along the worst of the three axes
};

/// Outlines are compared on 256 pixels a side.
ShapeLoss shape_loss(const Surface& before, const Surface& after);

}  // namespace relievo
