// Marching cubes (Lorensen and Cline 1987) over dense values: what the density (NeRF) models are meshed with.
#pragma once

#include <span>

#include "base/mesh.h"

namespace relievo {

/// Triangles where `values` `[side^3]` (x slowest) pass `threshold`; above it is inside, and faces look
/// outward. Vertices in -1..1, one a crossed edge. On a face whose corners are inside and outside by turns,
/// the outside corners are kept apart, so neighbouring cubes always fit. A surface that reaches the border of
/// the grid is open there. Throws Error{kInternal} for another number of values or more faces than int32
/// counts.
Surface marching_cubes(int side, std::span<const float> values, float threshold);

}  // namespace relievo
