// TexturedMesh to what the mesh formats want: one index a corner, normals, Assimp's scene. Internal to
// files/.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <assimp/scene.h>

#include "base/mesh.h"

namespace relievo::files {

/// Vertices with everything that hangs on them. `uvs` and `colours` may be empty.
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

/// Vertices as they are, with colours: the mesh's own, or the albedo's where it has none.
IndexedMesh with_vertex_colours(const TexturedMesh& mesh);

/// (x, y, z) -> (x, z, -y): from Z up, front -Y to Y up, front +Z.
void turn_to_y_up(IndexedMesh& mesh);

/// A textured mesh as a scene with one node, one mesh and one material called `name`.
std::unique_ptr<aiScene> make_scene(const IndexedMesh& mesh, const std::string& name);

/// Runs Assimp's exporter `format`; `file_name` is what the file will be called.
std::vector<std::byte> export_scene(const aiScene& scene, const char* format, const std::string& file_name);

/// A mesh and what its file needs to know about it.
struct MeshJob {
  const std::filesystem::path& folder;
  const std::string& name;
  const TexturedMesh& mesh;
  const std::vector<std::byte>& albedo_png;
  const std::vector<std::byte>& normal_map_png;  ///< empty when there is none
};

// Each returns the files that it wrote, the mesh first.
std::vector<std::filesystem::path> write_glb(const MeshJob& job);
std::vector<std::filesystem::path> write_obj(const MeshJob& job);
std::vector<std::filesystem::path> write_ply(const MeshJob& job);

/// How rough the surface looks; 0 is a mirror. Metallic is 0 throughout.
inline constexpr float kRoughness = 0.8f;

}  // namespace relievo::files
