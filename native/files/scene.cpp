#include "files/scene.h"

#include <algorithm>

#include <assimp/Exporter.hpp>
#include <assimp/config.h>
#include <assimp/version.h>
#include <fmt/format.h>

#include "base/error.h"

namespace relievo::files {
namespace {

aiVector3D* vectors_from(const std::vector<Float3>& values) {
  auto* vectors = new aiVector3D[values.size()];
  std::transform(values.begin(), values.end(), vectors,
                 [](const Float3& v) { return aiVector3D(v[0], v[1], v[2]); });
  return vectors;
}

std::unique_ptr<aiMesh> make_mesh(const IndexedMesh& mesh, const std::string& name) {
  auto made = std::make_unique<aiMesh>();
  aiMesh& out = *made;
  out.mName = name;
  out.mPrimitiveTypes = aiPrimitiveType_TRIANGLE;
  out.mNumVertices = static_cast<unsigned>(mesh.positions.size());
  out.mVertices = vectors_from(mesh.positions);
  out.mNormals = vectors_from(mesh.normals);
  if (!mesh.colours.empty()) {
    out.mColors[0] = new aiColor4D[mesh.colours.size()];
    std::transform(mesh.colours.begin(), mesh.colours.end(), out.mColors[0],
                   [](const Float3& c) { return aiColor4D(c[0], c[1], c[2], 1); });
  }
  if (!mesh.uvs.empty()) {
    out.mNumUVComponents[0] = 2;
    out.mTextureCoords[0] = new aiVector3D[mesh.uvs.size()];
    std::transform(mesh.uvs.begin(), mesh.uvs.end(), out.mTextureCoords[0],
                   [](const Float2& uv) { return aiVector3D(uv[0], uv[1], 0); });
  }
  out.mNumFaces = static_cast<unsigned>(mesh.faces.size());
  out.mFaces = new aiFace[mesh.faces.size()];
  for (size_t f = 0; f < mesh.faces.size(); ++f) {
    out.mFaces[f].mNumIndices = 3;
    out.mFaces[f].mIndices = new unsigned[3];
    std::copy(mesh.faces[f].begin(), mesh.faces[f].end(), out.mFaces[f].mIndices);
  }
  return made;
}

}  // namespace

std::unique_ptr<aiScene> make_scene(const IndexedMesh& mesh, const std::string& name) {
  // aiScene frees everything that belongs to it.
  auto scene = std::make_unique<aiScene>();
  scene->mNumMeshes = 1;
  scene->mMeshes = new aiMesh* [1] { make_mesh(mesh, name).release() };
  scene->mNumMaterials = 1;
  scene->mMaterials = new aiMaterial* [1] { new aiMaterial };
  const aiString material_name(name);
  scene->mMaterials[0]->AddProperty(&material_name, AI_MATKEY_NAME);

  scene->mRootNode = new aiNode(name);
  scene->mRootNode->mNumMeshes = 1;
  scene->mRootNode->mMeshes = new unsigned[1]{0};
  return scene;
}

void add_node(aiScene& scene, const IndexedMesh& mesh, const std::string& name) {
  aiMesh** const meshes = new aiMesh*[scene.mNumMeshes + 1];
  std::copy_n(scene.mMeshes, scene.mNumMeshes, meshes);
  meshes[scene.mNumMeshes] = make_mesh(mesh, name).release();
  delete[] scene.mMeshes;
  scene.mMeshes = meshes;
  auto* node = new aiNode(name);
  node->mNumMeshes = 1;
  node->mMeshes = new unsigned[1]{scene.mNumMeshes++};
  scene.mRootNode->addChildren(1, &node);
}

std::vector<std::byte> export_scene(const aiScene& scene, const char* format, const std::string& file_name) {
  Assimp::ExportProperties properties;
  properties.SetPropertyString(AI_CONFIG_EXPORT_BLOB_NAME, file_name);
  Assimp::Exporter exporter;
  const aiExportDataBlob* blob = exporter.ExportToBlob(&scene, format, 0, &properties);
  if (blob == nullptr) {
    throw Error(ErrorCode::kInternal,
                fmt::format("Assimp could not make '{}': {}.", file_name, exporter.GetErrorString()));
  }
  const auto* first = static_cast<const std::byte*>(blob->data);
  return {first, first + blob->size};
}

}  // namespace relievo::files
