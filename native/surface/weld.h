// Merges vertices at one place, and moves them apart. Every program that reads a mesh may take such vertices
// for one, so a surface is judged as if they were, and none is handed out with two of them at one place.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// The lowest number among the vertices at exactly each vertex's place, by vertex.
std::vector<int32_t> first_at_place(const std::vector<Float3>& vertices);

/// The surface with vertices at one place merged. Unused vertices stay; a face may then name a vertex twice.
Surface welded(const Surface& surface);

/// The longest side of the box around all vertices, used or not.
double extent_of(const std::vector<Float3>& vertices);

/// The share of a surface's extent within which programs may take two vertices for one (Blender: 0.1 mm).
inline constexpr double kNearestTwins = 1e-4;

/// Moves vertices at one place apart, each into the solid that its own faces enclose: by a tenth of its
/// shortest edge, but by kNearestTwins to ten times that, so that programs which weld what is near leave them
/// apart, too. Unused vertices are left alone. The faces of the surface must look outward.
void move_twins_apart(Surface& surface);

}  // namespace relievo
