// Reads written files again by Assimp's importers. tests/addon/test_mesh_import.py does the same with
// Blender's.
#include <cmath>
#include <cstring>
#include <set>

#include <assimp/GltfMaterial.h>
#include <assimp/Importer.hpp>
#include <assimp/postprocess.h>
#include <assimp/scene.h>
#include <nlohmann/json.hpp>

#include "files/meshes.h"
#include "sample_mesh.h"
#include "samples.h"

namespace relievo {
namespace {

constexpr const char* kName = "box";

/// The sample, or another mesh, written in one format and read again.
class Written {
 public:
  explicit Written(const std::string& format, const TexturedMesh& mesh = sample_mesh(),
                   const std::string& name = kName, const std::vector<std::byte>& png = {})
      : files(write_mesh(folder.path(), name, format, mesh, png)) {
    scene = importer.ReadFile(files.front().string(), 0);
    if (scene == nullptr) throw std::runtime_error(importer.GetErrorString());
  }
  const aiMesh& mesh() const { return *scene->mMeshes[0]; }
  const aiMaterial& material() const { return *scene->mMaterials[mesh().mMaterialIndex]; }

  ScratchFolder folder;
  std::vector<std::filesystem::path> files;
  const aiScene* scene = nullptr;

 private:
  Assimp::Importer importer;
};

/// Turns the axes of the file to those of the scene.
Float3 to_scene(const std::string& format, const aiVector3D& v) {
  return format == "ply" ? Float3{v.x, v.y, v.z} : Float3{v.x, -v.z, v.y};
}

/// A place in the file's unit in the scene's metres.
Float3 place_in_scene(const std::string& format, const aiVector3D& v) {
  return to_scene(format, format == "fbx" ? v / 100.0f : v);
}

/// The JSON part of a GLB file.
nlohmann::json json_of(const std::filesystem::path& glb) {
  const std::string text = text_of(glb);
  uint32_t size = 0;
  std::memcpy(&size, &text[12], sizeof(size));
  return nlohmann::json::parse(text.substr(20, size));
}

class MeshFormat : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Formats, MeshFormat, testing::Values("glb", "obj", "fbx", "ply"), test_name);

TEST_P(MeshFormat, HoldsOneMeshWithAllFaces) {
  const Written written(GetParam());
  EXPECT_EQ(written.scene->mNumMeshes, 1u);
  EXPECT_EQ(written.mesh().mNumFaces, 12u);
}

TEST_P(MeshFormat, HoldsTheVerticesInItsAxes) {
  const Written written(GetParam());
  std::set<Float3> found;
  for (unsigned i = 0; i < written.mesh().mNumVertices; ++i) {
    found.insert(place_in_scene(GetParam(), written.mesh().mVertices[i]));
  }
  const std::vector<Float3> expected = sample_mesh().surface.vertices;
  EXPECT_EQ(found, std::set<Float3>(expected.begin(), expected.end()));
}

TEST_P(MeshFormat, KeepsFacesOutside) {
  const Written written(GetParam());
  double volume = 0;
  for (unsigned f = 0; f < written.mesh().mNumFaces; ++f) {
    const unsigned* corners = written.mesh().mFaces[f].mIndices;
    const aiVector3D* vertices = written.mesh().mVertices;
    volume += vertices[corners[0]] * (vertices[corners[1]] ^ vertices[corners[2]]) / 6;
  }
  EXPECT_NEAR(volume / (std::string(GetParam()) == "fbx" ? 1e6 : 1), 1.5 * 3 * 4.5, 1e-4);
}

TEST_P(MeshFormat, HasNormalsThatAreSmoothAcrossSeams) {
  // Weighted by angles, the three sides of a box count the same at each corner, however they are cut into
  // triangles.
  const Written written(GetParam());
  ASSERT_TRUE(written.mesh().HasNormals());
  for (unsigned i = 0; i < written.mesh().mNumVertices; ++i) {
    const Float3 position = place_in_scene(GetParam(), written.mesh().mVertices[i]);
    const Float3 normal = to_scene(GetParam(), written.mesh().mNormals[i]);
    for (int axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(normal[axis], std::copysign(1 / std::sqrt(3.0), position[axis]), 1e-6) << "vertex " << i;
    }
  }
}

TEST_P(MeshFormat, LeavesNothingElseInTheFolder) {
  const Written written(GetParam());
  EXPECT_EQ(written.folder.files(), static_cast<int>(written.files.size()));
}

TEST_P(MeshFormat, TellsWhereItComesFrom) {
  const Written written(GetParam());
  const std::string text = text_of(written.files.front());
  for (const char* part : {"Relievo 9.8.7", "photo of a box.png", "preview", "depth"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
}

TEST_P(MeshFormat, KeepsLineBreaksOfTheProvenanceOutOfTheFile) {
  TexturedMesh mesh = sample_mesh();
  mesh.provenance.picture = "two\nlines";
  EXPECT_EQ(Written(GetParam(), mesh).mesh().mNumFaces, 12u);
}

TEST_P(MeshFormat, RefusesAMeshWithoutFaces) {
  const ScratchFolder folder;
  TexturedMesh mesh = sample_mesh();
  mesh.surface.faces.clear();
  mesh.corner_uv.clear();
  expect_error(ErrorCode::kEmptySurface, "no faces",
               [&] { write_mesh(folder.path(), kName, GetParam(), mesh); });
}

TEST_P(MeshFormat, MissingFolderIsIo) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kIo, "none",
               [&] { write_mesh(folder / "none", kName, GetParam(), sample_mesh()); });
}

TEST_P(MeshFormat, RefusesANameThatItCannotHold) {
  const ScratchFolder folder;
  for (const std::string name : {"../box", "", ".", "a\\b", "two\nlines", " box", "box "}) {
    expect_error(ErrorCode::kInvalidSettings, "'" + name + "'",
                 [&] { write_mesh(folder.path(), name, GetParam(), sample_mesh()); });
  }
}

TEST_P(MeshFormat, WritesAFaceWithoutAreaWithoutHarm) {
  TexturedMesh mesh = sample_mesh();
  mesh.surface.faces.push_back({0, 0, 1});
  mesh.corner_uv.push_back(mesh.corner_uv[0]);
  const Written written(GetParam(), mesh);
  EXPECT_FALSE(std::isnan(written.mesh().mNormals[0].x));
}

class TexturedFormat : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Formats, TexturedFormat, testing::Values("glb", "obj", "fbx"), test_name);

TEST_P(TexturedFormat, HasItsUvTheRightWayUp) {
  const Written written(GetParam());
  // Assimp's UVs have their origin at the bottom left in every format.
  const std::vector<Float3> vertices = sample_mesh().surface.vertices;
  bool found = false;
  for (unsigned i = 0; i < written.mesh().mNumVertices; ++i) {
    const Float3 position = place_in_scene(GetParam(), written.mesh().mVertices[i]);
    const aiVector3D uv = written.mesh().mTextureCoords[0][i];
    // The left bottom corner of the front shows the left bottom texel.
    found = found || (position == vertices[0] && uv.x == 0.25f && uv.y == 0.25f);
  }
  EXPECT_TRUE(found);
}

TEST_P(TexturedFormat, SharesVerticesOfTheSamePositionAndUv) {
  const TexturedMesh mesh = sample_mesh();
  std::set<std::pair<int, Float2>> pairs;
  for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
    for (int c = 0; c < 3; ++c) pairs.insert({mesh.surface.faces[f][c], mesh.corner_uv[f][c]});
  }
  Assimp::Importer importer;
  const Written written(GetParam());
  const aiScene* scene = importer.ReadFile(written.files.front().string(), aiProcess_JoinIdenticalVertices);
  EXPECT_EQ(scene->mMeshes[0]->mNumVertices, pairs.size());
}

TEST(Fbx, IsNotShiny) {
  const Written written("fbx");
  float shininess = 0, reflectivity = 1;
  written.material().Get(AI_MATKEY_SHININESS, shininess);
  written.material().Get(AI_MATKEY_REFLECTIVITY, reflectivity);
  EXPECT_NEAR(shininess, 4, 1e-4);  // Blender makes a roughness of 0.8 of it
  EXPECT_EQ(reflectivity, 0);
}

class PhysicalFormat : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Formats, PhysicalFormat, testing::Values("glb", "obj"), test_name);

TEST_P(PhysicalFormat, IsNotShiny) {
  const Written written(GetParam());
  float roughness = 0;
  float metallic = 1;
  written.material().Get(AI_MATKEY_ROUGHNESS_FACTOR, roughness);
  written.material().Get(AI_MATKEY_METALLIC_FACTOR, metallic);
  EXPECT_FLOAT_EQ(roughness, 0.8f);
  EXPECT_EQ(metallic, 0);
}

TEST_P(TexturedFormat, KeepsOddNames) {
  for (const std::string name :
       {"my  red box", "a.b.c", "Kästchen 箱", "the \"box\" of 'Bo'", "#1", "-bm 2", "100%"}) {
    SCOPED_TRACE(name);
    const Written written(GetParam(), sample_mesh(), name);
    EXPECT_EQ(written.files.front().filename(), name + "." + GetParam());
    EXPECT_EQ(std::string(written.mesh().mName.C_Str()), name);
    EXPECT_EQ(std::string(written.material().GetName().C_Str()), name);
  }
}

TEST(Glb, EmbedsTheGivenPng) {
  const std::vector<std::byte> png = encode_png(ByteImage(5, 3, 3, 77));
  const Written written("glb", sample_mesh(), kName, png);
  const aiTexture& texture = *written.scene->mTextures[0];
  ASSERT_EQ(texture.mWidth, png.size());
  EXPECT_EQ(std::memcmp(texture.pcData, png.data(), png.size()), 0);
}

TEST(Glb, EmbedsTheAlbedoWhereNoPngIsGiven) {
  const Written written("glb");
  const aiTexture& texture = *written.scene->mTextures[0];
  const Image image =
      read_picture(std::as_bytes(std::span(reinterpret_cast<char*>(texture.pcData), texture.mWidth)), "");
  EXPECT_EQ(to_bytes(image).pixels, sample_mesh().albedo.pixels);
}

TEST(Glb, HasTheNormalMap) {
  TexturedMesh mesh = sample_mesh();
  mesh.normal_map = sample_normal_map();
  const nlohmann::json json = json_of(Written("glb", mesh).files.front());
  EXPECT_EQ(json["images"][json["materials"][0]["normalTexture"]["index"].get<int>()]["name"], "box_normal");
}

TEST(Glb, UsesNoExtensions) {
  EXPECT_FALSE(json_of(Written("glb").files.front()).contains("extensionsUsed"));
}

TEST(Glb, AlignsItsNumbersWhateverTheSizeOfThePicture) {
  std::vector<std::byte> png = encode_png(sample_mesh().albedo);
  for (int more = 0; more < 4; ++more) {
    const nlohmann::json json = json_of(Written("glb", sample_mesh(), kName, png).files.front());
    for (const auto& accessor : json["accessors"]) {
      const auto& view = json["bufferViews"][accessor["bufferView"].get<int>()];
      EXPECT_EQ(view["byteOffset"].get<int>() % 4, 0) << json["bufferViews"];
    }
    png.push_back({});
  }
}

TEST(Glb, LengthsAddUp) {
  const std::string text = text_of(Written("glb").files.front());
  uint32_t length = 0;
  uint32_t json = 0;
  uint32_t binary = 0;
  std::memcpy(&length, &text[8], 4);
  std::memcpy(&json, &text[12], 4);
  std::memcpy(&binary, &text[20 + json], 4);
  EXPECT_EQ(length, text.size());
  EXPECT_EQ(20 + json + 8 + binary, text.size());
}

TEST(Fbx, SaysItsUnitAndAxes) {
  const Written written("fbx");
  float unit = 0;
  int up = 0, front = 0, front_sign = 0;
  ASSERT_NE(written.scene->mMetaData, nullptr);
  EXPECT_TRUE(written.scene->mMetaData->Get("UnitScaleFactor", unit));
  EXPECT_TRUE(written.scene->mMetaData->Get("UpAxis", up));
  EXPECT_TRUE(written.scene->mMetaData->Get("FrontAxis", front));
  EXPECT_TRUE(written.scene->mMetaData->Get("FrontAxisSign", front_sign));
  EXPECT_EQ(unit, 1);  // centimetres
  EXPECT_EQ(up, 1);
  EXPECT_EQ(front, 2);
  EXPECT_EQ(front_sign, 1);
}

TEST(Fbx, HasTheAlbedoAndTheNormalMapInside) {
  TexturedMesh mesh = sample_mesh();
  mesh.normal_map = sample_normal_map();
  const Written written("fbx", mesh);
  const std::pair<aiTextureType, const ByteImage*> kWanted[] = {{aiTextureType_DIFFUSE, &mesh.albedo},
                                                                {aiTextureType_NORMALS, &mesh.normal_map}};
  for (const auto& [type, wanted] : kWanted) {
    aiString path;
    ASSERT_EQ(written.material().GetTexture(type, 0, &path), AI_SUCCESS);
    const aiTexture* texture = written.scene->GetEmbeddedTexture(path.C_Str());
    ASSERT_NE(texture, nullptr) << path.C_Str();
    const Image image =
        read_picture(std::as_bytes(std::span(reinterpret_cast<char*>(texture->pcData), texture->mWidth)), "");
    EXPECT_EQ(to_bytes(image).pixels, wanted->pixels);
  }
}

TEST(Obj, ReturnsTheMeshFirstAndAllItRefersTo) {
  TexturedMesh mesh = sample_mesh();
  mesh.normal_map = sample_normal_map();
  const Written written("obj", mesh);
  std::vector<std::string> names;
  for (const auto& file : written.files) names.push_back(file.filename());
  EXPECT_EQ(names, (std::vector<std::string>{"box.obj", "box_albedo.png", "box_normal.png", "box.mtl"}));
}

TEST(Obj, NamesItsTextures) {
  TexturedMesh mesh = sample_mesh();
  mesh.normal_map = sample_normal_map();
  const Written written("obj", mesh, "my box");
  aiString albedo;
  aiString normals;
  written.material().GetTexture(aiTextureType_DIFFUSE, 0, &albedo);
  written.material().GetTexture(aiTextureType_HEIGHT, 0, &normals);
  EXPECT_STREQ(albedo.C_Str(), "my box_albedo.png");
  EXPECT_STREQ(normals.C_Str(), "my box_normal.png");
}

TEST(Obj, NamesATextureThatLooksLikeAnOption) {
  const Written written("obj", sample_mesh(), "-bm \"2\"");
  aiString albedo;
  written.material().GetTexture(aiTextureType_DIFFUSE, 0, &albedo);
  EXPECT_TRUE(std::filesystem::exists(written.folder / albedo.C_Str())) << albedo.C_Str();
}

TEST(Obj, SharesPositionsAcrossSeams) {
  const std::string text = text_of(Written("obj").files.front());
  int positions = 0;
  for (size_t at = text.find("\nv "); at != std::string::npos; at = text.find("\nv ", at + 1)) ++positions;
  EXPECT_EQ(positions, 8);
}

TEST(Ply, KeepsTheVerticesAndTheirColours) {
  const Written written("ply");
  const TexturedMesh mesh = sample_mesh();
  ASSERT_EQ(written.mesh().mNumVertices, 8u);
  for (unsigned i = 0; i < 8; ++i) {
    const aiColor4D& colour = written.mesh().mColors[0][i];
    EXPECT_NEAR(colour.r, mesh.vertex_colours[i][0], 0.5 / 255);
    EXPECT_NEAR(colour.g, mesh.vertex_colours[i][1], 0.5 / 255);
    EXPECT_NEAR(colour.b, mesh.vertex_colours[i][2], 0.5 / 255);
  }
}

TEST(Ply, TakesColoursFromTheTextureWhereTheMeshHasNone) {
  TexturedMesh mesh = sample_mesh();
  mesh.vertex_colours.clear();
  // The front alone: blue and yellow below, red and green above.
  mesh.surface.faces.resize(2);
  mesh.corner_uv.resize(2);
  const Written written("ply", mesh);
  const aiColor4D* colours = written.mesh().mColors[0];
  EXPECT_EQ(colours[0], aiColor4D(0, 0, 1, 1));
  EXPECT_EQ(colours[1], aiColor4D(1, 1, 0, 1));
  EXPECT_EQ(colours[4], aiColor4D(1, 0, 0, 1));
  EXPECT_EQ(colours[5], aiColor4D(0, 1, 0, 1));
}

TEST(WriteMesh, RefusesAnotherFormat) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidSettings, "dxf",
               [&] { write_mesh(folder.path(), kName, "dxf", sample_mesh()); });
}

TEST(WriteMesh, RefusesPartsThatDoNotFitTogether) {
  const ScratchFolder folder;
  TexturedMesh mesh = sample_mesh();
  mesh.surface.faces[3][1] = 8;
  expect_error(ErrorCode::kInternal, "do not fit together",
               [&] { write_mesh(folder.path(), kName, "ply", mesh); });
}

class PrintFormat : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Formats, PrintFormat, testing::Values("stl", "3mf"), test_name);

TEST_P(PrintFormat, HoldsTheBodyInMillimetres) {
  const Written written(GetParam());
  EXPECT_EQ(written.mesh().mNumFaces, 12u);
  std::set<Float3> found;
  for (unsigned i = 0; i < written.mesh().mNumVertices; ++i) {
    const aiVector3D& v = written.mesh().mVertices[i];
    found.insert({v.x / 1000, v.y / 1000, v.z / 1000});
  }
  const std::vector<Float3> expected = sample_mesh().surface.vertices;
  ASSERT_EQ(found.size(), std::set<Float3>(expected.begin(), expected.end()).size());
  for (const Float3& vertex : expected) {
    const bool is_there = std::ranges::any_of(found, [&](const Float3& other) {
      return std::hypot(other[0] - vertex[0], other[1] - vertex[1], other[2] - vertex[2]) < 1e-4f;
    });
    EXPECT_TRUE(is_there) << vertex[0] << ' ' << vertex[1] << ' ' << vertex[2];
  }
}

}  // namespace
}  // namespace relievo
