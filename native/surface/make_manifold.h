// Makes a surface manifold: no edge has more than two faces, no vertex more than one fan.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// Neighbouring sides: `[3 F]`, by a side's corner (surface/sides.h) the corner of the side across the edge;
/// -1 at a border.
using Neighbours = std::vector<int32_t>;

/// Splits edges with more than two faces, keeping each pair of faces that encloses the inside together, and
/// vertices with more than one fan of faces. Corners must name vertices, and no face may name one twice. A
/// closed surface stays closed.
Neighbours make_manifold(Surface& surface);

}  // namespace relievo
