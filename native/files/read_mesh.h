// Reads meshes, anybody's, through Assimp.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "base/mesh.h"

namespace relievo {

/// What a material says besides its base colour's texture.
struct MeshMaterial {
  int32_t normal_map = -1;  ///< an index into `normal_maps`, or -1
  Float3 colour{1, 1, 1};   ///< multiplies the texture; linear
  float roughness = 0.8f;
  float metallic = 0;
};

/// A mesh as its file has it, in its own axes and units; the parts of a scene stand at their places.
struct MeshFile {
  /// Vertices may repeat places: many formats store one for each corner.
  Surface surface = {};
  std::vector<Float3> normals = {};  ///< those that are stored, one a vertex; empty where a part has none
  /// One triple a face, with the origin at the texture's bottom left; empty where no face has UVs, NaN for a
  /// face that has none.
  std::vector<std::array<Float2, 3>> corner_uv = {};
  std::vector<int32_t> face_texture = {};  ///< one a face: an index into `textures`, or -1
  std::vector<ByteImage> textures = {};    ///< base colours, row 0 at the top
  /// One a face: an index into `materials`, or -1; empty where nothing is known of them.
  std::vector<int32_t> face_material = {};
  std::vector<MeshMaterial> materials = {};
  std::vector<ByteImage> normal_maps = {};  ///< tangent space, green up (OpenGL), row 0 at the top
};

inline constexpr int64_t kMostFacesOfFile = 20'000'000;

/// Reads a GLB, OBJ or PLY file, which its name's ending tells, with the textures that it names. A texture
/// that cannot be read counts as none. Polygons become triangles; points and lines are left out. Throws
/// Error{kIo}; Error{kInvalidSettings} for another ending; Error{kInvalidImage} for a file that is no sound
/// mesh, has no faces, or more than kMostFacesOfFile.
MeshFile read_mesh(const std::filesystem::path& path, const CancelToken& cancel = {});

/// Turns the mesh of a file from that format's axes to the scene's (base/mesh.h), in place: the opposite of
/// what write_mesh does (files/meshes.h).
void turn_file_to_scene(MeshFile& mesh, const std::filesystem::path& path);

}  // namespace relievo
