// Makes levels of detail by meshoptimizer.
#pragma once

#include <vector>

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

/// Makes `count` coarser levels of a textured surface, each with half the faces of that before it, down to a
/// few. They show the same maps: vertices stay where they are, seams of the texture are kept together, and
/// corners keep their UVs (meshopt_simplify). Where charts do not allow so few faces, a level has more, and
/// the next begins from it; one that would have more than 90 % of the faces before it is left out. Throws
/// Error{kCancelled}.
std::vector<DetailLevel> make_levels(const Surface& surface,
                                     const std::vector<std::array<Float2, 3>>& corner_uv, int count,
                                     const Control& control);

}  // namespace relievo
