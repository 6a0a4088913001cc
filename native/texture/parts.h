// Cuts a large surface into parts that can be unwrapped side by side.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// The faces across the three edges of each face; -1 where there is none or more than one.
std::vector<Int3> neighbours_of(const std::vector<Int3>& faces);

/// Divides the faces into connected parts of about `target` faces at most: Voronoi cells of the graph of
/// faces around seeds that lie as far from each other as can be (farthest-point sampling; Gonzalez 1985).
/// Small components stand alone or, with those that come next, share a part. Each face is in exactly one
/// part.
std::vector<std::vector<int32_t>> cut_into_parts(const Surface& surface, int target);

}  // namespace relievo
