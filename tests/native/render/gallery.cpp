// Renders the mesh file and the cut-out named by RELIEVO_GALLERY_MESH and RELIEVO_GALLERY_INPUT into the
// folder RELIEVO_GALLERY, for people to look at and for docs/pictures. Reads GLB files of our own.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <assimp/Importer.hpp>
#include <assimp/scene.h>
#include <gtest/gtest.h>

#include "files/pictures.h"
#include "render/contact_sheet.h"
#include "render/turntable.h"

namespace relievo {
namespace {

TexturedMesh read_glb(const char* path) {
  Assimp::Importer importer;
  const aiScene* scene = importer.ReadFile(path, 0);
  if (scene == nullptr) throw std::runtime_error(importer.GetErrorString());
  const aiMesh& from = *scene->mMeshes[0];
  TexturedMesh mesh;
  for (unsigned i = 0; i < from.mNumVertices; ++i) {
    const aiVector3D& v = from.mVertices[i];
    mesh.surface.vertices.push_back({v.x, -v.z, v.y});
  }
  for (unsigned f = 0; f < from.mNumFaces; ++f) {
    const unsigned* corner = from.mFaces[f].mIndices;
    mesh.surface.faces.push_back(
        {static_cast<int32_t>(corner[0]), static_cast<int32_t>(corner[1]), static_cast<int32_t>(corner[2])});
    std::array<Float2, 3> uv;
    for (int c = 0; c < 3; ++c)
      uv[c] = {from.mTextureCoords[0][corner[c]].x, from.mTextureCoords[0][corner[c]].y};
    mesh.corner_uv.push_back(uv);
  }
  const aiTexture& texture = *scene->mTextures[0];
  mesh.albedo = to_bytes(
      read_picture(std::as_bytes(std::span(reinterpret_cast<char*>(texture.pcData), texture.mWidth)), path));
  return mesh;
}

TEST(Gallery, IsRendered) {
  const char* path = std::getenv("RELIEVO_GALLERY_MESH");
  const char* folder = std::getenv("RELIEVO_GALLERY");
  if (path == nullptr || folder == nullptr) return;  // nobody asks for pictures
  const TexturedMesh mesh = read_glb(path);
  const Renderer renderer(mesh);
  const char* input = std::getenv("RELIEVO_GALLERY_INPUT");
  const std::filesystem::path out = folder;
  const std::string name = std::filesystem::path(path).stem();
  write_contact_sheet(out / (name + "_sheet.png"), renderer, input != nullptr ? read_picture(input) : Image{},
                      260);
  TurntableSettings settings;
  settings.side = 256;
  settings.frames = 30;
  settings.frames_per_second = 20;
  settings.format = TurntableSettings::Frames::kNone;
  EXPECT_EQ(write_turntable(out, name, renderer, settings).size(), 1u);
}

}  // namespace
}  // namespace relievo
