// How near a made shape comes to the true one, as the project measures it.
#pragma once

#include <cstdint>

#include "base/mesh.h"

namespace relievo {

struct ShapeScore {
  double overlap = 0;  ///< IoU on a 64 grid of the true shape's box (what lies outside it does not
                       ///< count), inside by generalised winding
  double chamfer = 0;  ///< mean distance from either's points to the other's, both directions added
  double f02 = 0;      ///< F-score at a distance of 0.02
  double f05 = 0;      ///< and of 0.05
  double shift = 0;    ///< along the axis, by which the made shape was moved
};

/// Compares a made shape with the true one, whose longest side is 1: distances are in that unit. Both lie in
/// one space; nothing is aligned but a shift of the made one `along` the camera's axis (unit length), which a
/// picture does not tell: the one with the least chamfer distance. Distances are between 20,000 points of
/// each surface, uniform over the area of what is seen from outside. A made shape without faces scores 0,
/// with an infinite chamfer distance. Throws Error{kEmptySurface} where the true one has none to be seen.
ShapeScore score_shape(const Surface& made, const Surface& truth, const Float3& along, uint64_t seed);

}  // namespace relievo
