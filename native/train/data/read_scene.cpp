#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include <assimp/IOSystem.hpp>
#include <assimp/Importer.hpp>
#include <assimp/MemoryIOWrapper.h>
#include <assimp/material.h>
#include <assimp/postprocess.h>
#include <assimp/scene.h>

#include "base/error.h"
#include "files/pictures.h"
#include "train/data/read_objects.h"

namespace relievo {
namespace {

/// Lets Assimp open files of an archive.
class ArchiveFiles : public Assimp::IOSystem {
 public:
  explicit ArchiveFiles(const Archive& archive) : archive_(archive) {}

  bool Exists(const char* name) const override { return archive_.contains(name); }
  char getOsSeparator() const override { return '/'; }
  Assimp::IOStream* Open(const char* name, const char*) override {
    if (!archive_.contains(name)) return nullptr;
    try {
      const std::vector<std::byte> bytes = archive_.read(name);
      auto* copy = new uint8_t[bytes.size()];
      std::ranges::transform(bytes, copy, [](std::byte b) { return std::to_integer<uint8_t>(b); });
      return new Assimp::MemoryIOStream(copy, bytes.size(), true);
    } catch (const Error&) {
      return nullptr;
    }
  }
  void Close(Assimp::IOStream* stream) override { delete stream; }

 private:
  const Archive& archive_;
};

Float3 colour_of(const aiColor4D& c) {
  return {std::clamp(c.r, 0.0f, 1.0f), std::clamp(c.g, 0.0f, 1.0f), std::clamp(c.b, 0.0f, 1.0f)};
}

class SceneReader {
 public:
  SceneReader(const Archive& archive, std::string name, const std::array<float, 9>& turn)
      : archive_(archive), name_(std::move(name)), turn_(turn) {}

  Object read() {
    refuse_misread_ply();
    Assimp::Importer importer;
    importer.SetIOHandler(new ArchiveFiles(archive_));
    importer.SetPropertyInteger(AI_CONFIG_PP_SBP_REMOVE, aiPrimitiveType_POINT | aiPrimitiveType_LINE);
    // An index out of range would end the process. Of OBJ files the reader checks them itself.
    const auto validating =
        extension() == ".obj" ? 0U : static_cast<unsigned>(aiProcess_ValidateDataStructure);
    const aiScene* scene =
        importer.ReadFile(name_, validating | aiProcess_Triangulate | aiProcess_JoinIdenticalVertices |
                                     aiProcess_PreTransformVertices | aiProcess_SortByPType);
    if (!scene || scene->mNumMeshes == 0) {
      const std::string why = importer.GetErrorString();
      throw Error(
          ErrorCode::kInvalidImage,
          "'" + name_ + "' cannot be read as a mesh: " + (why.empty() ? "it has no faces" : why) + ".",
          "Export it again, as glTF or OBJ.");
    }
    for (unsigned i = 0; i < scene->mNumMaterials; ++i) add_material(*scene, *scene->mMaterials[i]);
    if (object_.materials.empty()) object_.materials.emplace_back();
    const bool has_colours = std::any_of(scene->mMeshes, scene->mMeshes + scene->mNumMeshes,
                                         [](const aiMesh* mesh) { return mesh->HasVertexColors(0); });
    for (unsigned i = 0; i < scene->mNumMeshes; ++i) add_mesh(*scene->mMeshes[i], has_colours);
    return std::move(object_);
  }

 private:
  /// Assimp 5.2.5 takes line ends at the beginning of binary data for such of the header, what follows for
  /// other numbers, and ends the process over these.
  void refuse_misread_ply() const {
    if (extension() != ".ply") return;
    const std::vector<std::byte> bytes = archive_.read(name_);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    constexpr std::string_view kEnd = "end_header";
    const size_t end = text.find(kEnd);
    if (end == std::string_view::npos || text.substr(0, end).find("format binary") == std::string_view::npos)
      return;
    const size_t line_end = text.find('\n', end);
    if (line_end == std::string_view::npos || line_end + 1 >= text.size()) return;
    if (const char first = text[line_end + 1]; first == '\n' || first == '\r') {
      throw Error(ErrorCode::kInvalidImage,
                  "'" + name_ + "' cannot be read: its data begin with what looks like the end of a line.",
                  "Export it again, as glTF or OBJ.");
    }
  }

  std::string extension() const {
    std::string end = std::filesystem::path(name_).extension().string();
    std::ranges::transform(end, end.begin(), [](unsigned char c) { return std::tolower(c); });
    return end;
  }
  bool has_z_up() const { return extension() == ".ply" || extension() == ".stl"; }

  void add_material(const aiScene& scene, const aiMaterial& from) {
    Material material;
    aiColor4D colour;
    if (from.Get(AI_MATKEY_BASE_COLOR, colour) == AI_SUCCESS) {  // glTF: linear light
      material.colour = colour_of(colour);
      for (float& channel : material.colour) channel = srgb_from_linear(channel);
    } else if (from.Get(AI_MATKEY_COLOR_DIFFUSE, colour) == AI_SUCCESS) {
      material.colour = colour_of(colour);
    }
    float value = 0;
    if (from.Get(AI_MATKEY_ROUGHNESS_FACTOR, value) == AI_SUCCESS) {
      material.roughness = std::clamp(value, 0.05f, 1.0f);
    } else if (from.Get(AI_MATKEY_SHININESS, value) == AI_SUCCESS && value >= 0) {
      material.roughness = std::clamp(std::sqrt(2 / (value + 2)), 0.1f, 1.0f);  // Phong's exponent
    }
    aiString file;
    if (from.GetTexture(aiTextureType_DIFFUSE, 0, &file) == AI_SUCCESS ||
        from.GetTexture(aiTextureType_BASE_COLOR, 0, &file) == AI_SUCCESS) {
      material.picture = picture_of(scene, file.C_Str());
      // Many exporters write black beside a texture, which is the whole colour.
      if (material.picture >= 0 && std::ranges::max(material.colour) < 0.02f) material.colour = {1, 1, 1};
    }
    object_.materials.push_back(material);
  }

  /// Returns the place of a texture among the object's pictures; -1 for one that cannot be read.
  int picture_of(const aiScene& scene, std::string file) {
    if (const auto known = known_.find(file); known != known_.end()) return known->second;
    int place = -1;
    try {
      const PictureOptions options{.cancel = {}, .on_note = {}, .reserve = {}};
      Image picture;
      if (const aiTexture* inside = scene.GetEmbeddedTexture(file.c_str()); inside && inside->mHeight == 0) {
        picture = read_picture(
            std::as_bytes(std::span(reinterpret_cast<const char*>(inside->pcData), inside->mWidth)), file,
            options);
      } else {
        std::ranges::replace(file, '\\', '/');
        const std::string beside =
            (std::filesystem::path(name_).parent_path() / file).lexically_normal().string();
        picture = read_picture(archive_.read(beside), file, options);
      }
      object_.pictures.push_back(std::move(picture));
      place = static_cast<int>(object_.pictures.size()) - 1;
    } catch (const Error&) {
      // The shape is worth more than the texture: the material's colour stands for it.
    }
    known_[file] = place;
    return place;
  }

  void add_mesh(const aiMesh& mesh, bool has_colours) {
    if (!(mesh.mPrimitiveTypes & aiPrimitiveType_TRIANGLE)) return;
    const auto first = static_cast<int32_t>(object_.surface.vertices.size());
    for (unsigned i = 0; i < mesh.mNumVertices; ++i) {
      const aiVector3D& from = mesh.mVertices[i];
      Float3 p{};
      for (size_t row = 0; row < 3; ++row) {
        p[row] = turn_[3 * row] * from.x + turn_[3 * row + 1] * from.y + turn_[3 * row + 2] * from.z;
      }
      object_.surface.vertices.push_back(has_z_up() ? p : Float3{p[0], -p[2], p[1]});
      if (has_colours) {
        object_.vertex_colours.push_back(mesh.HasVertexColors(0) ? colour_of(mesh.mColors[0][i])
                                                                 : Float3{1, 1, 1});
      }
    }
    for (unsigned i = 0; i < mesh.mNumFaces; ++i) {
      const aiFace& face = mesh.mFaces[i];
      if (face.mNumIndices != 3) continue;
      Int3 corners{};
      std::array<Float2, 3> uv{};
      for (size_t corner = 0; corner < 3; ++corner) {
        const unsigned v = face.mIndices[corner];
        corners[corner] = first + static_cast<int32_t>(v);
        if (mesh.HasTextureCoords(0)) uv[corner] = {mesh.mTextureCoords[0][v].x, mesh.mTextureCoords[0][v].y};
      }
      object_.surface.faces.push_back(corners);
      object_.corner_uv.push_back(uv);
      object_.face_material.push_back(static_cast<int32_t>(mesh.mMaterialIndex));
    }
    if (static_cast<int64_t>(object_.surface.faces.size()) > kMostFaces) {
      throw Error(ErrorCode::kInvalidImage,
                  "'" + name_ + "' has more than " + std::to_string(kMostFaces) + " triangles.",
                  "Simplify it first.");
    }
  }

  const Archive& archive_;
  std::string name_;
  std::array<float, 9> turn_;
  Object object_;
  std::map<std::string, int> known_;
};

}  // namespace

Object read_scene(const Archive& archive, const std::string& name, const std::array<float, 9>& turn) {
  return SceneReader(archive, name.starts_with('/') ? name.substr(1) : name, turn).read();
}

}  // namespace relievo
