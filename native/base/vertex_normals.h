// Normals of a surface, for files and renders alike.
#pragma once

#include <vector>

#include "base/mesh.h"

namespace relievo {

/// Unit normals, one a vertex: the mean of the faces' normals, weighted by the angle of the corner (Thürmer
/// and Wüthrich, "Computing Vertex Normals from Polygonal Facets", 1998). (0, 0, 1) where there is no face
/// with an area.
std::vector<Float3> vertex_normals(const Surface& surface);

}  // namespace relievo
