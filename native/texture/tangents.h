// Computes tangents as MikkTSpace does, so that Blender, glTF viewers and game engines read a normal map as
// it was baked.
#pragma once

#include <array>
#include <vector>

#include "base/mesh.h"

namespace relievo {

using Tangent = std::array<float, 4>;  ///< unit direction of growing u, and the sign of the bitangent

/// One tangent a corner of a face. Corners that share vertex, UV and orientation share the tangent: the mean
/// of their faces' directions of u, each projected into the plane of the vertex normal and weighted by the
/// corner's angle (Mikkelsen 2008, "Simulation of Wrinkled Surfaces Revisited", section 3). The bitangent is
/// sign * cross(normal, tangent); it points towards growing v, which is up in the texture (OpenGL, +Y). Faces
/// without an area in the texture take what their corners share, else any direction.
std::vector<std::array<Tangent, 3>> corner_tangents(const Surface& surface,
                                                    const std::vector<std::array<Float2, 3>>& corner_uv,
                                                    const std::vector<Float3>& normals);

}  // namespace relievo
