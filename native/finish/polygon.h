// Divides polygons with holes into triangles.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

using Double2 = std::array<double, 2>;

/// Divides what loops of points enclose: a loop that runs counter-clockwise is an outline, one that runs
/// clockwise a hole in the smallest outline around it. Loops do not cross. Returns counter-clockwise
/// triangles of the loops' own numbers, which name points: ear clipping, with each hole joined to its outline
/// by a bridge (Eberly 2008, "Triangulation by Ear Clipping"). Throws Error{kCancelled}.
std::vector<Int3> triangulate(const std::vector<Double2>& points, std::vector<std::vector<int32_t>> loops,
                              const CancelToken& cancel);

}  // namespace relievo
