#include "files/scene.h"

#include <algorithm>
#include <cmath>

#include <assimp/Exporter.hpp>
#include <assimp/config.h>
#include <assimp/version.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/vertex_normals.h"

namespace relievo::files {
namespace {

/// The texel under a UV, repeating beyond 0..1.
Float3 colour_at(const ByteImage& albedo, const Float2& uv) {
  const auto index = [](float coordinate, int size) {
    return std::clamp(static_cast<int>((coordinate - std::floor(coordinate)) * static_cast<float>(size)), 0,
                      size - 1);
  };
  const uint8_t* texel =
      albedo.pixel(index(uv[0], albedo.width), albedo.height - 1 - index(uv[1], albedo.height));
  return {static_cast<float>(texel[0]) / 255.0f, static_cast<float>(texel[1]) / 255.0f,
          static_cast<float>(texel[2]) / 255.0f};
}

aiVector3D* vectors_from(const std::vector<Float3>& values) {
  auto* vectors = new aiVector3D[values.size()];
  std::transform(values.begin(), values.end(), vectors,
                 [](const Float3& v) { return aiVector3D(v[0], v[1], v[2]); });
  return vectors;
}

}  // namespace

IndexedMesh split_at_seams(const TexturedMesh& mesh) {
  const std::vector<Float3> normals = vertex_normals(mesh.surface);
  IndexedMesh split;
  split.faces.reserve(mesh.surface.faces.size());
  // The vertices made from one vertex of the surface form a chain.
  constexpr int32_t kNone = -1;
  std::vector<int32_t> first(mesh.surface.vertices.size(), kNone);
  std::vector<int32_t> next;
  for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
    Int3& face = split.faces.emplace_back();
    for (int corner = 0; corner < 3; ++corner) {
      const int32_t vertex = mesh.surface.faces[f][corner];
      const Float2& uv = mesh.corner_uv[f][corner];
      int32_t found = first[vertex];
      while (found != kNone && split.uvs[found] != uv) found = next[found];
      if (found == kNone) {
        found = static_cast<int32_t>(split.positions.size());
        split.positions.push_back(mesh.surface.vertices[vertex]);
        split.normals.push_back(normals[vertex]);
        split.uvs.push_back(uv);
        if (!mesh.vertex_colours.empty()) split.colours.push_back(mesh.vertex_colours[vertex]);
        next.push_back(first[vertex]);
        first[vertex] = found;
      }
      face[corner] = found;
    }
  }
  return split;
}

IndexedMesh with_vertex_colours(const TexturedMesh& mesh) {
  IndexedMesh coloured{.positions = mesh.surface.vertices,
                       .normals = vertex_normals(mesh.surface),
                       .uvs = {},
                       .colours = mesh.vertex_colours,
                       .faces = mesh.surface.faces};
  if (coloured.colours.empty()) {
    coloured.colours.resize(mesh.surface.vertices.size());
    for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
      for (int corner = 0; corner < 3; ++corner) {
        coloured.colours[mesh.surface.faces[f][corner]] = colour_at(mesh.albedo, mesh.corner_uv[f][corner]);
      }
    }
  }
  return coloured;
}

void turn_to_y_up(IndexedMesh& mesh) {
  const auto turn = [](Float3& v) { v = {v[0], v[2], -v[1]}; };
  std::for_each(mesh.positions.begin(), mesh.positions.end(), turn);
  std::for_each(mesh.normals.begin(), mesh.normals.end(), turn);
}

std::unique_ptr<aiScene> make_scene(const IndexedMesh& mesh, const std::string& name) {
  // aiScene frees everything that belongs to it.
  auto scene = std::make_unique<aiScene>();
  scene->mNumMeshes = 1;
  scene->mMeshes = new aiMesh* [1] { new aiMesh };
  aiMesh& out = *scene->mMeshes[0];
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

  scene->mNumMaterials = 1;
  scene->mMaterials = new aiMaterial* [1] { new aiMaterial };
  const aiString material_name(name);
  scene->mMaterials[0]->AddProperty(&material_name, AI_MATKEY_NAME);

  scene->mRootNode = new aiNode(name);
  scene->mRootNode->mNumMeshes = 1;
  scene->mRootNode->mMeshes = new unsigned[1]{0};
  return scene;
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
