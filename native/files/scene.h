// Turns a TexturedMesh into the form that mesh formats need: one index a corner, normals, Assimp's scene.
// Internal to files/.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <assimp/scene.h>

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

/// Keeps the vertices as they are and gives them the mesh's own colours, or the albedo's where it has none.
IndexedMesh with_vertex_colours(const TexturedMesh& mesh);

/// Turns (x, y, z) to (x, z, -y): from Z up, front -Y to Y up, front +Z.
void turn_to_y_up(IndexedMesh& mesh);

/// Makes a scene with one node, one mesh and one material called `name`.
std::unique_ptr<aiScene> make_scene(const IndexedMesh& mesh, const std::string& name);

/// Runs Assimp's exporter `format`; the file will be called `file_name`.
std::vector<std::byte> export_scene(const aiScene& scene, const char* format, const std::string& file_name);

/// A mesh and the facts that its file needs besides.
struct MeshJob {
  const std::filesystem::path& folder;
  const std::string& name;
  const TexturedMesh& mesh;
  const std::vector<std::byte>& albedo_png;
  const std::vector<std::byte>& normal_map_png;  ///< empty where there is none
};

// Each of these returns the files that it wrote, the mesh first.
std::vector<std::filesystem::path> write_glb(const MeshJob& job);
std::vector<std::filesystem::path> write_obj(const MeshJob& job);
std::vector<std::filesystem::path> write_ply(const MeshJob& job);
std::vector<std::filesystem::path> write_stl(const MeshJob& job);
std::vector<std::filesystem::path> write_3mf(const MeshJob& job);

/// The roughness of the surface; 0 is a mirror. Metallic is 0 everywhere.
inline constexpr float kRoughness = 0.8f;

}  // namespace relievo::files
