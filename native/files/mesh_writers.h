// The mesh formats behind meshes.h: one function for each. Internal to files/.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/mesh.h"

namespace relievo::files {

/// A mesh and the facts that its file needs besides.
struct MeshJob {
  const std::filesystem::path& folder;
  const std::string& name;
  const TexturedMesh& mesh;
  const std::vector<std::byte>& albedo_png;
  const std::vector<std::byte>& normal_map_png;  ///< empty where there is none
  const std::vector<std::byte>& occlusion_png;   ///< empty where there is none
};

// Each of these returns the files that it wrote, the mesh first.
std::vector<std::filesystem::path> write_glb(const MeshJob& job);
std::vector<std::filesystem::path> write_obj(const MeshJob& job);
std::vector<std::filesystem::path> write_fbx(const MeshJob& job);
std::vector<std::filesystem::path> write_ply(const MeshJob& job);
std::vector<std::filesystem::path> write_stl(const MeshJob& job);
std::vector<std::filesystem::path> write_3mf(const MeshJob& job);

}  // namespace relievo::files
