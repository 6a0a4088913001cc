// Marching cubes (Lorensen and Cline 1987) over dense values, by which the density (NeRF) models are meshed.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/mesh.h"

namespace relievo {

/// Triangles where `values` `[side^3]` float32 (x slowest; on any device, which does the work) pass
/// `threshold`; above it is inside, and faces look outward. Vertices lie in -1..1, one for each crossed edge.
/// On a face whose corners are alternately inside and outside, the outside corners are kept apart, so
/// neighbouring cubes always fit. A surface that reaches the border of the grid is open there. Throws
/// Error{kInternal} for another number of values or more faces than int32 counts, Error{kInvalidSettings} for
/// a device without kernels.
Surface marching_cubes(int side, const at::Tensor& values, float threshold);

}  // namespace relievo
