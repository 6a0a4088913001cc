// An indexed mesh as a scene of Assimp's, and its exporters. Internal to files/.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <assimp/scene.h>

#include "files/indexed_mesh.h"

namespace relievo::files {

/// Makes a scene with one node, one mesh and one material called `name`.
std::unique_ptr<aiScene> make_scene(const IndexedMesh& mesh, const std::string& name);

/// Adds a mesh of the scene's material below its root, as a node called `name`. The scene then owns it.
void add_node(aiScene& scene, const IndexedMesh& mesh, const std::string& name);

/// Runs Assimp's exporter `format`; the file will be called `file_name`.
std::vector<std::byte> export_scene(const aiScene& scene, const char* format, const std::string& file_name);

}  // namespace relievo::files
