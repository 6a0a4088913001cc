#include "files/read_mesh.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <assimp/GltfMaterial.h>
#include <assimp/Importer.hpp>
#include <assimp/material.h>
#include <assimp/postprocess.h>
#include <assimp/scene.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/input_file.h"
#include "files/pictures.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

Error unsound(const fs::path& path, const std::string& why) {
  return {ErrorCode::kInvalidImage, fmt::format("'{}' cannot be read as a mesh: {}.", path.string(), why),
          "Export it again as GLB, OBJ or PLY."};
}

std::string ending_of(const fs::path& path) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending;
}

void check_ending(const fs::path& path) {
  const std::string ending = ending_of(path);
  if (ending == ".glb" || ending == ".obj" || ending == ".ply") return;
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("The name '{}' does not end in .glb, .obj or .ply.", path.string()),
              "Name mesh files of these formats.");
}

class MeshReader {
 public:
  MeshReader(const fs::path& path, const CancelToken& cancel) : path_(path), cancel_(cancel) {}

  MeshFile read() {
    importer_.SetPropertyInteger(AI_CONFIG_PP_SBP_REMOVE, aiPrimitiveType_POINT | aiPrimitiveType_LINE);
    const aiScene* scene = importer_.ReadFile(path_.string(), aiProcess_Triangulate | aiProcess_SortByPType);
    if (!scene) {
      std::string why = importer_.GetErrorString();
      while (!why.empty() && (why.back() == '.' || why.back() == '\n')) why.pop_back();
      throw unsound(path_, why.empty() ? std::string("its format is not known") : why);
    }
    const std::span<aiMesh* const> meshes(scene->mMeshes, scene->mNumMeshes);
    has_normals_ = std::ranges::all_of(meshes, [](const aiMesh* mesh) { return mesh->HasNormals(); });
    has_uv_ = std::ranges::any_of(meshes, [](const aiMesh* mesh) { return mesh->HasTextureCoords(0); });
    std::vector<std::pair<const aiNode*, aiMatrix4x4>> nodes{{scene->mRootNode, aiMatrix4x4()}};
    while (!nodes.empty()) {
      cancel_.check();
      const auto [node, parent] = nodes.back();
      nodes.pop_back();
      if (node == nullptr) continue;
      const aiMatrix4x4 transform = parent * node->mTransformation;
      for (const unsigned mesh : std::span(node->mMeshes, node->mNumMeshes))
        add_mesh(*scene, *meshes[mesh], transform);
      for (const aiNode* child : std::span(node->mChildren, node->mNumChildren))
        nodes.emplace_back(child, transform);
    }
    if (file_.surface.faces.empty()) throw unsound(path_, "it has no faces");
    return std::move(file_);
  }

 private:
  /// Returns the place of a material's base colour among the textures; -1 where it has none.
  int32_t texture_of(const aiScene& scene, unsigned material) {
    aiString name;
    if (material >= scene.mNumMaterials) return -1;
    const aiMaterial& from = *scene.mMaterials[material];
    if (from.GetTexture(aiTextureType_BASE_COLOR, 0, &name) != AI_SUCCESS &&
        from.GetTexture(aiTextureType_DIFFUSE, 0, &name) != AI_SUCCESS)
      return -1;
    const auto [known, is_new] = known_.emplace(name.C_Str(), -1);
    if (!is_new) return known->second;
    known->second = add_picture(scene, name, file_.textures);
    return known->second;
  }

  /// Returns the picture's place among the others; -1 where it cannot be read.
  int32_t add_picture(const aiScene& scene, const aiString& name, std::vector<ByteImage>& pictures) const {
    try {
      pictures.push_back(to_bytes(picture_of(scene, name.C_Str())));
      return static_cast<int32_t>(pictures.size()) - 1;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
    }
    return -1;
  }

  /// Returns the place of a material among the others; -1 where the scene has none.
  int32_t material_of(const aiScene& scene, unsigned number) {
    if (number >= scene.mNumMaterials) return -1;
    const auto [known, is_new] =
        known_materials_.emplace(number, static_cast<int32_t>(file_.materials.size()));
    if (!is_new) return known->second;
    const aiMaterial& from = *scene.mMaterials[number];
    MeshMaterial& material = file_.materials.emplace_back();
    aiColor4D colour;
    if (from.Get(AI_MATKEY_BASE_COLOR, colour) == AI_SUCCESS ||
        from.Get(AI_MATKEY_COLOR_DIFFUSE, colour) == AI_SUCCESS)
      material.colour = {colour.r, colour.g, colour.b};
    from.Get(AI_MATKEY_ROUGHNESS_FACTOR, material.roughness);
    from.Get(AI_MATKEY_METALLIC_FACTOR, material.metallic);
    aiString name;
    if (from.GetTexture(aiTextureType_NORMALS, 0, &name) == AI_SUCCESS)
      material.normal_map = add_picture(scene, name, file_.normal_maps);
    return known->second;
  }

  Image picture_of(const aiScene& scene, std::string name) const {
    PictureOptions options;
    options.cancel = cancel_;
    if (const aiTexture* inside = scene.GetEmbeddedTexture(name.c_str())) {
      if (inside->mHeight != 0) throw unsound(path_, "its texture is not encoded");
      const std::span bytes(reinterpret_cast<const char*>(inside->pcData), inside->mWidth);
      return read_picture(std::as_bytes(bytes), name, options);
    }
    std::ranges::replace(name, '\\', '/');
    return read_picture(path_.parent_path() / name, options);
  }

  /// Adds a mesh where its node stands. Faces are turned where that mirrors them, which Assimp's own step for
  /// it does not do.
  void add_mesh(const aiScene& scene, const aiMesh& mesh, const aiMatrix4x4& transform) {
    if ((mesh.mPrimitiveTypes & aiPrimitiveType_TRIANGLE) == 0) return;
    Surface& surface = file_.surface;
    if (int64_t{mesh.mNumFaces} + static_cast<int64_t>(surface.faces.size()) > kMostFacesOfFile)
      throw unsound(path_, fmt::format("it has more than {} faces", kMostFacesOfFile));
    const auto first = static_cast<int32_t>(surface.vertices.size());
    const bool is_mirrored = transform.Determinant() < 0;
    const aiMatrix3x3 of_normals = aiMatrix3x3(transform).Inverse().Transpose();
    for (unsigned i = 0; i < mesh.mNumVertices; ++i) {
      const aiVector3D p = transform * mesh.mVertices[i];
      if (!std::isfinite(p.x) || !std::isfinite(p.y) || !std::isfinite(p.z))
        throw unsound(path_, "a vertex has no finite place");
      surface.vertices.push_back({p.x, p.y, p.z});
      if (!has_normals_) continue;
      const aiVector3D n = (of_normals * mesh.mNormals[i]).NormalizeSafe();
      file_.normals.push_back({n.x, n.y, n.z});
    }
    const int32_t texture = texture_of(scene, mesh.mMaterialIndex);
    const int32_t material = material_of(scene, mesh.mMaterialIndex);
    constexpr float kNone = std::numeric_limits<float>::quiet_NaN();
    for (const aiFace& face : std::span(mesh.mFaces, mesh.mNumFaces)) {
      if (face.mNumIndices != 3) continue;
      Int3 corners{};
      std::array<Float2, 3> uv{};
      for (size_t corner = 0; corner < 3; ++corner) {
        const unsigned vertex = face.mIndices[corner];
        if (vertex >= mesh.mNumVertices) throw unsound(path_, "a face names a vertex that is not there");
        corners[corner] = first + static_cast<int32_t>(vertex);
        uv[corner] = mesh.HasTextureCoords(0)
                         ? Float2{mesh.mTextureCoords[0][vertex].x, mesh.mTextureCoords[0][vertex].y}
                         : Float2{kNone, kNone};
      }
      if (is_mirrored) {
        std::swap(corners[1], corners[2]);
        std::swap(uv[1], uv[2]);
      }
      surface.faces.push_back(corners);
      file_.face_texture.push_back(texture);
      file_.face_material.push_back(material);
      if (has_uv_) file_.corner_uv.push_back(uv);
    }
  }

  const fs::path& path_;
  const CancelToken& cancel_;
  Assimp::Importer importer_;
  MeshFile file_;
  std::map<std::string, int32_t> known_;
  std::map<unsigned, int32_t> known_materials_;
  bool has_normals_ = false;
  bool has_uv_ = false;
};

}  // namespace

MeshFile read_mesh(const fs::path& path, const CancelToken& cancel) {
  check_ending(path);
  const InputFile file(path);  // which says why a file cannot be read
  if (file.size() == 0) throw unsound(path, "it is empty");
  return MeshReader(path, cancel).read();
}

void turn_file_to_scene(MeshFile& mesh, const fs::path& path) {
  if (ending_of(path) == ".ply") return;
  const auto turn = [](Float3& v) { v = {v[0], -v[2], v[1]}; };
  std::ranges::for_each(mesh.surface.vertices, turn);
  std::ranges::for_each(mesh.normals, turn);
}

}  // namespace relievo
