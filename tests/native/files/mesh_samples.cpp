// Writes the files that tests/addon/test_mesh_import.py opens in Blender, into the folder named by
// RELIEVO_MESH_SAMPLES.
#include <cstdlib>

#include "files/meshes.h"
#include "sample_mesh.h"
#include "samples.h"

namespace relievo {
namespace {

TEST(MeshSamples, AreWritten) {
  const ScratchFolder scratch;
  const char* asked_for = std::getenv("RELIEVO_MESH_SAMPLES");
  const std::filesystem::path folder = asked_for != nullptr ? asked_for : scratch.path();
  TexturedMesh mesh = sample_mesh();
  mesh.normal_map = sample_normal_map();
  for (const char* format : {"glb", "obj", "fbx", "ply"}) {
    for (const char* name : {"box", "my  \"red\" box.v2 ü", "-bm 2"}) {
      for (const auto& file : write_mesh(folder, name, format, mesh))
        EXPECT_GT(std::filesystem::file_size(file), 0u);
    }
  }
}

}  // namespace
}  // namespace relievo
