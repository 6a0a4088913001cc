// Vertices at one place. Every program that reads a mesh may take them for one, so a surface is judged as if
// they were, and none is handed out with two of them at one place.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// For each vertex the lowest number of those at exactly its place.
std::vector<int32_t> first_at_place(const std::vector<Float3>& vertices);

/// The surface with vertices at one place made one. Unused vertices stay; faces may name a vertex twice then.
Surface welded(const Surface& surface);

/// Of used and unused vertices: the longest side of the box around them.
double extent_of(const std::vector<Float3>& vertices);

/// Share of a surface's extent within which programs may take two vertices for one (Blender: 0.1 mm).
inline constexpr double kNearestTwins = 1e-4;

/// Moves vertices at one place apart, each into the solid that its own faces enclose: by a tenth of its
/// shortest edge, but by kNearestTwins to ten times that, so that programs which weld what is near leave
/// them apart, too. Unused vertices are left alone. For surfaces
/// whose faces look outward.
void move_twins_apart(Surface& surface);

}  // namespace relievo
