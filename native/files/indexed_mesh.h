// Turns a TexturedMesh into the form that mesh formats need: one index a corner, and normals. Internal to
// files/.
#pragma once

#include <vector>

#include "base/mesh.h"

namespace relievo::files {

/// Vertices with all their attributes. `uvs` and `colours` may be empty.
struct IndexedMesh {
  std::vector<Float3> positions;
  std::vector<Float3> normals;
  std::vector<Float2> uvs;      ///< origin at the bottom left
  std::vector<Float3> colours;  ///< sRGB-encoded
  std::vector<Int3> faces;
};

/// Splits the vertices at the seams: one for each pair of vertex and UV. Normals are those of the unsplit
/// surface; colours are the mesh's own, if it has any.
IndexedMesh split_at_seams(const TexturedMesh& mesh);
/// The same of a level, which has no colours.
IndexedMesh split_at_seams(const DetailLevel& level);

/// Keeps the vertices as they are and gives them the mesh's own colours, or the albedo's where it has none.
IndexedMesh with_vertex_colours(const TexturedMesh& mesh);

/// Turns (x, y, z) to (x, z, -y): from Z up, front -Y to Y up, front +Z.
void turn_to_y_up(IndexedMesh& mesh);

}  // namespace relievo::files
