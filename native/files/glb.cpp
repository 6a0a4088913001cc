#include <algorithm>
#include <cstring>

#include <assimp/GltfMaterial.h>
#include <assimp/material.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "files/mesh_writers.h"
#include "files/scene.h"
#include "files/source_mark.h"

namespace relievo::files {
namespace {

using Json = nlohmann::ordered_json;

std::unique_ptr<aiTexture> embedded_png(const std::vector<std::byte>& png) {
  auto texture = std::make_unique<aiTexture>();
  // Assimp marks a compressed file by height 0; the width then counts its bytes.
  texture->mWidth = static_cast<unsigned>(png.size());
  texture->mHeight = 0;
  texture->pcData = new aiTexel[png.size() / sizeof(aiTexel) + 1];
  std::memcpy(texture->pcData, png.data(), png.size());
  std::strcpy(texture->achFormatHint, "png");
  return texture;
}

void add_textures(aiScene& scene, const MeshJob& job) {
  aiMaterial& material = *scene.mMaterials[0];
  scene.mTextures = new aiTexture* [2] {};
  const auto add = [&](const std::vector<std::byte>& png, aiTextureType type) {
    const aiString path(fmt::format("*{}", scene.mNumTextures));
    scene.mTextures[scene.mNumTextures++] = embedded_png(png).release();
    material.AddProperty(&path, AI_MATKEY_TEXTURE(type, 0));
  };
  add(job.albedo_png, aiTextureType_BASE_COLOR);
  if (!job.normal_map_png.empty()) add(job.normal_map_png, aiTextureType_NORMALS);
  const float metallic = 0;
  const float roughness = kRoughness;
  material.AddProperty(&metallic, 1, AI_MATKEY_METALLIC_FACTOR);
  material.AddProperty(&roughness, 1, AI_MATKEY_ROUGHNESS_FACTOR);
}

uint32_t read_u32(const std::vector<std::byte>& bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, &bytes[at], sizeof(value));
  return value;
}

/// Puts in the names and the provenance, which Assimp does not write as they were given. A GLB file (glTF
/// 2.0, section 4.4) is a header of magic, version and length, then chunks of length, type and content; the
/// first chunk is JSON padded with spaces.
std::vector<std::byte> with_names(const std::vector<std::byte>& glb, const MeshJob& job) {
  constexpr size_t kHeader = 12;
  constexpr size_t kJson = kHeader + 8;
  const size_t json_end = kJson + read_u32(glb, kHeader);
  Json json = Json::parse(reinterpret_cast<const char*>(&glb[kJson]),
                          reinterpret_cast<const char*>(glb.data()) + json_end);

  const Provenance provenance = without_folders(job.mesh.provenance);
  json["asset"]["generator"] = kGenerator + provenance.version;
  json["asset"]["extras"] = {{kChecksumKey, provenance.checksum},
                             {"picture", provenance.picture},
                             {"model", provenance.model},
                             {"settings", provenance.settings}};
  // Assimp lists some that are not used, of which one would merge triangles to polygons.
  json.erase("extensionsUsed");
  json["nodes"][0]["name"] = job.name;
  json["meshes"][0]["name"] = job.name;
  json["materials"][0]["name"] = job.name;
  json["images"][0]["name"] = job.name;
  if (!job.normal_map_png.empty()) json["images"][1]["name"] = job.name + "_normal";

  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize((text.size() + 3) / 4 * 4, ' ');
  std::vector<std::byte> named(kJson + text.size() + glb.size() - json_end);
  const auto put_u32 = [&](size_t at, size_t value) {
    const auto narrow = static_cast<uint32_t>(value);
    std::memcpy(&named[at], &narrow, sizeof(narrow));
  };
  std::copy_n(glb.begin(), kJson, named.begin());
  std::memcpy(&named[kJson], text.data(), text.size());
  std::copy(glb.begin() + static_cast<ptrdiff_t>(json_end), glb.end(),
            named.begin() + static_cast<ptrdiff_t>(kJson + text.size()));
  put_u32(8, named.size());
  put_u32(kHeader, text.size());
  return named;
}

}  // namespace

std::vector<std::filesystem::path> write_glb(const MeshJob& job) {
  IndexedMesh mesh = split_at_seams(job.mesh);
  mesh.colours.clear();  // COLOR_0 would multiply the texture (glTF 2.0, section 3.9.2)
  turn_to_y_up(mesh);
  const std::unique_ptr<aiScene> scene = make_scene(mesh, "mesh");
  add_textures(*scene, job);
  const std::filesystem::path path = job.folder / (job.name + ".glb");
  write_atomically(path, with_names(export_scene(*scene, "glb2", path.filename().string()), job));
  return {path};
}

}  // namespace relievo::files
