// Measures how much simplification and cleaning take away from a shape.
#pragma once

#include "base/mesh.h"

namespace relievo {

/// The loss of a surface compared with the one that it was made of.
struct ShapeLoss {
  int components_before = 0;
  int components_after = 0;
  double volume = 0;  ///< share of the volume, 0..1
  /// The share of the outline that is no longer covered, along the worst of the three axes.
  double outline = 0;
};

/// Compares two surfaces. Outlines are compared on 256 pixels a side.
ShapeLoss shape_loss(const Surface& before, const Surface& after);

}  // namespace relievo
