// Marching cubes meshes beside each other, in whatever order and however their polygons are cut.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/mesh.h"
#include "verify/fixture.h"

namespace relievo {

/// Compares with the fixture's tensors PREFIXverts and PREFIXfaces, a mesh of `side`^3 values in a box of
/// half the side `half_side` (ours lies in -1..1): the same vertices as a set, as many faces, the same
/// polygon outlines and winding in every cube, area within a hundredth. Returns which of our vertices each of
/// the fixture's is; nothing when they do not match.
std::vector<int64_t> compare_marching(Fixture& fixture, const std::string& prefix, const Surface& ours,
                                      int side, double tolerance, double half_side = 1);

}  // namespace relievo
