#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

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
  scene.mTextures = new aiTexture* [3] {};
  const auto add = [&](const std::vector<std::byte>& png, aiTextureType type) {
    const aiString path(fmt::format("*{}", scene.mNumTextures));
    scene.mTextures[scene.mNumTextures++] = embedded_png(png).release();
    material.AddProperty(&path, AI_MATKEY_TEXTURE(type, 0));
  };
  add(job.albedo_png, aiTextureType_BASE_COLOR);
  if (!job.normal_map_png.empty()) add(job.normal_map_png, aiTextureType_NORMALS);
  if (!job.occlusion_png.empty()) add(job.occlusion_png, aiTextureType_LIGHTMAP);
  material.AddProperty(&job.mesh.metallic, 1, AI_MATKEY_METALLIC_FACTOR);
  material.AddProperty(&job.mesh.roughness, 1, AI_MATKEY_ROUGHNESS_FACTOR);
}

uint32_t read_u32(const std::vector<std::byte>& bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, &bytes[at], sizeof(value));
  return value;
}

/// The name of a level's node for Assimp, which does not write every name as it is.
std::string node_name(size_t level) { return fmt::format("level{}", level); }

/// The picture that a material's texture shows.
Json& image_of(Json& json, const Json& texture) {
  const auto number = texture["index"].get<size_t>();
  return json["images"][json["textures"][number]["source"].get<size_t>()];
}

/// Takes the coarser levels out of the scene and names them in the full one (MSFT_lod), with the share of the
/// screen's height from which on each is fine enough.
void link_levels(Json& json, const std::string& name, size_t levels) {
  std::vector<size_t> nodes(levels);
  Json coverage = Json::array();
  for (size_t level = 0; level < levels; ++level) {
    const auto node = std::ranges::find_if(
        json["nodes"], [&](const Json& each) { return each.value("name", "") == node_name(level); });
    nodes[level] = static_cast<size_t>(node - json["nodes"].begin());
    (*node)["name"] = fmt::format("{}_LOD{}", name, level);
    json["meshes"][(*node)["mesh"].get<size_t>()]["name"] = (*node)["name"];
    // The last is shown however small it becomes.
    coverage.push_back(level + 1 < levels ? 0.5 / std::pow(2.5, level) : 0.0);
  }
  json["nodes"][0]["children"] = {nodes[0]};
  Json& full = json["nodes"][nodes[0]];
  full["extensions"]["MSFT_lod"]["ids"] = std::vector<size_t>(nodes.begin() + 1, nodes.end());
  full["extras"]["MSFT_screencoverage"] = coverage;
  json["extensionsUsed"] = {"MSFT_lod"};
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
  Json& material = json["materials"][0];
  image_of(json, material["pbrMetallicRoughness"]["baseColorTexture"])["name"] = job.name;
  if (!job.normal_map_png.empty()) image_of(json, material["normalTexture"])["name"] = job.name + "_normal";
  if (!job.occlusion_png.empty())
    image_of(json, material["occlusionTexture"])["name"] = job.name + "_occlusion";
  if (!job.mesh.levels.empty()) link_levels(json, job.name, job.mesh.levels.size() + 1);

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
  if (!job.mesh.levels.empty()) {
    // The full one gets a node of its own, too: the root's mesh moves there.
    auto* full = new aiNode(node_name(0));
    std::swap(full->mNumMeshes, scene->mRootNode->mNumMeshes);
    std::swap(full->mMeshes, scene->mRootNode->mMeshes);
    scene->mRootNode->addChildren(1, &full);
  }
  for (size_t level = 1; level <= job.mesh.levels.size(); ++level) {
    IndexedMesh coarser = split_at_seams(job.mesh.levels[level - 1]);
    turn_to_y_up(coarser);
    add_node(*scene, coarser, node_name(level));
  }
  add_textures(*scene, job);
  const std::filesystem::path path = job.folder / (job.name + ".glb");
  write_atomically(path, with_names(export_scene(*scene, "glb2", path.filename().string()), job));
  return {path};
}

}  // namespace relievo::files
