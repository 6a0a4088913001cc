// A surface without edges of more than two faces and vertices of more than one fan.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// Which sides are neighbours: `[3 F]`, by a side's corner (surface/sides.h) the corner of the side across
/// the edge; -1 at a border.
using Neighbours = std::vector<int32_t>;

/// Splits edges with more than two faces, each pair of faces that encloses inside between them being kept
/// together, and vertices with more than one fan of faces. The corners of faces name vertices; no face names
/// one twice. Closed stays closed.
Neighbours make_manifold(Surface& surface);

}  // namespace relievo
