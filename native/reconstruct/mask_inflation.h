// Inflates an outline by Baran and Lehtinen's inflating curves. The square of the height is the solution of
// Poisson's equation, -laplace(u) = 4 inside, u = 0 on the outline; a disc of radius r becomes a ball,
// because u = r^2 - x^2 - y^2.
#pragma once

#include "base/control.h"
#include "reconstruct/mask_outline.h"

namespace relievo {

struct Inflation {
  /// The height in front of and behind the plane, squared. It continues outside the shape: there it is
  /// negative, has the outline's slope at the outline and falls steadily away from it.
  PlaneGrid squared_height;
  float depth = 1;  ///< factor of u
};

/// Inflates the shape where `level` (mask_outline.h) is positive: depth^2 u, `depth` > 0, but no higher than
/// the model box. A depth below 1 flattens only what is wider than `thinnest` >= 0: wires and edges keep the
/// height that a strip of that width has at depth 1. Throws Error{kNoSubject} for a level that is positive
/// nowhere, Error{kCancelled}.
Inflation inflate_outline(const PlaneGrid& level, float depth, float thinnest, const Control& control);

}  // namespace relievo
