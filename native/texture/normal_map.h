// Makes a normal map of the detail that simplification took away.
#pragma once

#include "base/image.h"
#include "base/mesh.h"
#include "nn/execution.h"

namespace relievo {

/// The normals of `detail` in the tangent space of `surface` at each texel, `[size, size, 3]` bytes: red
/// along u, green along v (up in the picture: OpenGL's +Y), blue outwards, each (n + 1) / 2 * 255. Tangents
/// and interpolation follow MikkTSpace (tangents.h) with the vertex normals that files carry
/// (base/vertex_normals.h), so a renderer gets the detail's own normal back. `detail` is searched within 2
/// per cent of its diagonal along the surface's normal, then all around; where it is not found, and beyond
/// the charts, the map is smooth.
ByteImage bake_normal_map(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                          const Surface& detail, int size, const Execution& execution);

}  // namespace relievo
