// Formats for printing: a closed body in millimetres, Z up, without a texture.
#include <cstring>
#include <memory>

#include <assimp/Exporter.hpp>
#include <assimp/material.h>
#include <fmt/format.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "files/indexed_mesh.h"
#include "files/mesh_writers.h"
#include "files/scene.h"
#include "files/source_mark.h"

namespace relievo::files {
namespace {

namespace fs = std::filesystem;

constexpr float kMillimetres = 1000;  // in one of the scene's metres

/// The mesh as one body: its vertices are not split where the texture has a seam.
IndexedMesh body_of(const TexturedMesh& mesh) {
  IndexedMesh body = with_vertex_colours(mesh);
  body.colours.clear();
  for (Float3& position : body.positions) {
    for (float& coordinate : position) coordinate *= kMillimetres;
  }
  return body;
}

/// The scene as Assimp's writer of 3MF wants it: it writes the meshes of the root's children alone, and of
/// colours nothing but 0 and 1.
std::unique_ptr<aiScene> make_printed_scene(const IndexedMesh& body, const std::string& name) {
  auto scene = make_scene(body, name);
  aiNode* child = scene->mRootNode;
  scene->mRootNode = new aiNode("build");
  scene->mRootNode->addChildren(1, &child);
  const aiColor4D white(1, 1, 1, 1);
  scene->mMaterials[0]->AddProperty(&white, 1, AI_MATKEY_COLOR_DIFFUSE);
  return scene;
}

}  // namespace

std::vector<fs::path> write_stl(const MeshJob& job) {
  const fs::path path = job.folder / (job.name + ".stl");
  std::vector<std::byte> stl =
      export_scene(*make_scene(body_of(job.mesh), job.name), "stlb", path.filename().string());
  // The head is free text of 80 bytes that must not begin with "solid".
  constexpr size_t kHead = 80;
  const Provenance& provenance = job.mesh.provenance;
  std::string mark = kGenerator + provenance.version + ' ' + provenance.checksum;
  if (mark.size() > kHead) mark = kGenerator + provenance.checksum;
  mark.resize(kHead, ' ');
  std::memcpy(stl.data(), mark.data(), kHead);
  write_atomically(path, stl);
  return {path};
}

std::vector<fs::path> write_3mf(const MeshJob& job) {
  const auto scene = make_printed_scene(body_of(job.mesh), job.name);
  const fs::path path = job.folder / (job.name + ".3mf");
  write_atomically(path, [&](const fs::path& temporary) {
    // Assimp's writer of archives knows files alone, no memory.
    Assimp::Exporter exporter;
    if (exporter.Export(scene.get(), "3mf", temporary.string()) != aiReturn_SUCCESS) {
      throw Error(ErrorCode::kIo,
                  fmt::format("Cannot write '{}': {}.", path.string(), exporter.GetErrorString()),
                  "Check that the folder may be written to and that the disk has space left.");
    }
    mark_zip(temporary, job.mesh.provenance);
  });
  return {path};
}

}  // namespace relievo::files
