// FBX, for game engines and other programs: binary, Y up, centimetres, textures inside. Assimp's writer is
// not used, because Blender refuses its files ("failed to read nested block sentinel").
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/atomic_file.h"
#include "base/vertex_normals.h"
#include "files/fbx_document.h"
#include "files/indexed_mesh.h"
#include "files/mesh_writers.h"
#include "files/scene.h"
#include "files/source_mark.h"

namespace relievo::files {
namespace {

constexpr double kCentimetres = 100;  // in one of the scene's metres

// Any numbers do, as long as each object has its own.
enum Id : int64_t {
  kRoot = 0,
  kDocument = 1000,
  kGeometry,
  kModel,
  kMaterial,
  kAlbedo,
  kAlbedoVideo,
  kNormals,
  kNormalsVideo
};

/// A property of Properties70, without its values.
FbxNode property(const char* name, const char* type, const char* label, const char* flags) {
  FbxNode node("P");
  node.with(name).with(type).with(label).with(flags);
  return node;
}

FbxNode number(const char* name, double value) {
  FbxNode node = property(name, "Number", "", "A");
  node.with(value);
  return node;
}

FbxNode integer(const char* name, int32_t value) {
  FbxNode node = property(name, "int", "Integer", "");
  node.with(value);
  return node;
}

FbxNode vector(const char* name, const char* type, double x, double y, double z) {
  FbxNode node = property(name, type, "", "A");
  node.with(x).with(y).with(z);
  return node;
}

FbxNode header(const Provenance& provenance) {
  FbxNode node("FBXHeaderExtension");
  node.add("FBXHeaderVersion").with(1003);
  node.add("FBXVersion").with(7400);
  node.add("EncryptionType").with(0);
  node.add("Creator").with(kGenerator + provenance.version);
  FbxNode& info = node.add("SceneInfo");
  info.with(fbx_object_name("GlobalInfo", "SceneInfo")).with("UserData");
  info.add("Type").with("UserData");
  info.add("Version").with(100);
  FbxNode& data = info.add("MetaData");
  data.add("Version").with(100);
  for (const char* const word : {"Title", "Subject", "Author", "Keywords", "Revision"})
    data.add(word).with("");
  data.add("Comment").with(fmt::format("{}\n", fmt::join(provenance_lines(provenance), "\n")));
  return node;
}

FbxNode global_settings() {
  FbxNode node("GlobalSettings");
  node.add("Version").with(1000);
  FbxNode& all = node.add("Properties70");
  // Y is up, +Z comes towards the viewer and so is the front, X runs right.
  const std::array<std::pair<const char*, int32_t>, 6> kAxes{{{"UpAxis", 1},
                                                              {"UpAxisSign", 1},
                                                              {"FrontAxis", 2},
                                                              {"FrontAxisSign", 1},
                                                              {"CoordAxis", 0},
                                                              {"CoordAxisSign", 1}}};
  for (const auto& [name, value] : kAxes) all.add(integer(name, value));
  for (const char* const name : {"UnitScaleFactor", "OriginalUnitScaleFactor"}) {
    FbxNode unit = property(name, "double", "Number", "");
    all.add(unit.with(1.0));  // centimetres
  }
  return node;
}

FbxNode documents() {
  FbxNode node("Documents");
  node.add("Count").with(1);
  FbxNode& document = node.add("Document");
  document.with(int64_t{kDocument}).with("Scene").with("Scene");
  document.add("RootNode").with(int64_t{kRoot});
  return node;
}

FbxNode definitions(int textures) {
  FbxNode node("Definitions");
  node.add("Version").with(100);
  node.add("Count").with(4 + 2 * textures);
  const std::array<std::pair<const char*, int>, 6> kKinds{{{"GlobalSettings", 1},
                                                           {"Geometry", 1},
                                                           {"Model", 1},
                                                           {"Material", 1},
                                                           {"Texture", textures},
                                                           {"Video", textures}}};
  for (const auto& [name, count] : kKinds) {
    FbxNode& kind = node.add("ObjectType");
    kind.with(name);
    kind.add("Count").with(count);
  }
  return node;
}

/// A layer of the geometry, without its values.
FbxNode layer(const char* name, int32_t version, const char* mapping, const char* reference) {
  FbxNode node(name);
  node.with(0);
  node.add("Version").with(version);
  node.add("Name").with(std::string_view(name) == "LayerElementUV" ? "UVMap" : "");
  node.add("MappingInformationType").with(mapping);
  node.add("ReferenceInformationType").with(reference);
  return node;
}

/// (x, y, z) of the scene is (x, z, -y) where Y is up.
std::vector<double> turned(const std::vector<Float3>& vectors, double scale) {
  std::vector<double> values;
  values.reserve(3 * vectors.size());
  for (const Float3& v : vectors) {
    for (const float coordinate : {v[0], v[2], -v[1]}) values.push_back(scale * coordinate);
  }
  return values;
}

/// The mesh with its vertices as they are: UVs belong to the corners of faces.
FbxNode geometry(const MeshJob& job) {
  const TexturedMesh& mesh = job.mesh;
  const IndexedMesh split = split_at_seams(mesh);
  std::vector<int32_t> corners, uv_of_corners;
  corners.reserve(3 * mesh.surface.faces.size());
  for (const Int3& face : mesh.surface.faces) {
    corners.insert(corners.end(), {face[0], face[1], ~face[2]});  // the last corner of a face is inverted
  }
  for (const Int3& face : split.faces) uv_of_corners.insert(uv_of_corners.end(), face.begin(), face.end());
  std::vector<double> uvs;
  uvs.reserve(2 * split.uvs.size());
  for (const Float2& uv : split.uvs) uvs.insert(uvs.end(), {double{uv[0]}, double{uv[1]}});

  FbxNode node("Geometry");
  node.with(int64_t{kGeometry}).with(fbx_object_name(job.name, "Geometry")).with("Mesh");
  node.add("GeometryVersion").with(124);
  node.add("Vertices").with_array(turned(mesh.surface.vertices, kCentimetres));
  node.add("PolygonVertexIndex").with_array(corners);
  FbxNode& normals = node.add(layer("LayerElementNormal", 101, "ByVertice", "Direct"));
  normals.add("Normals").with_array(turned(vertex_normals(mesh.surface), 1));
  FbxNode& uv = node.add(layer("LayerElementUV", 101, "ByPolygonVertex", "IndexToDirect"));
  uv.add("UV").with_array(uvs);
  uv.add("UVIndex").with_array(uv_of_corners);
  FbxNode& smoothing = node.add(layer("LayerElementSmoothing", 102, "ByPolygon", "Direct"));
  smoothing.add("Smoothing").with_array(std::vector<int32_t>(mesh.surface.faces.size(), 1));
  FbxNode& materials = node.add(layer("LayerElementMaterial", 101, "AllSame", "IndexToDirect"));
  materials.add("Materials").with_array(std::vector<int32_t>{0});
  FbxNode& layers = node.add("Layer");
  layers.with(0);
  layers.add("Version").with(100);
  for (const char* const name :
       {"LayerElementNormal", "LayerElementUV", "LayerElementSmoothing", "LayerElementMaterial"}) {
    FbxNode& element = layers.add("LayerElement");
    element.add("Type").with(name);
    element.add("TypedIndex").with(0);
  }
  return node;
}

FbxNode model(const std::string& name) {
  FbxNode node("Model");
  node.with(int64_t{kModel}).with(fbx_object_name(name, "Model")).with("Mesh");
  node.add("Version").with(232);
  FbxNode& all = node.add("Properties70");
  all.add(integer("DefaultAttributeIndex", 0));
  all.add(vector("Lcl Translation", "Lcl Translation", 0, 0, 0));
  all.add(vector("Lcl Rotation", "Lcl Rotation", 0, 0, 0));
  all.add(vector("Lcl Scaling", "Lcl Scaling", 1, 1, 1));
  node.add("Shading").with(true);
  node.add("Culling").with("CullingOff");
  return node;
}

/// The material of Phong, which is what FBX has. Readers take its shininess for 100 (1 - roughness)^2.
/// Blender takes its reflection for metallic.
FbxNode material(const std::string& name, const TexturedMesh& mesh) {
  const double smoothness = 1 - double{mesh.roughness}, shininess = 100 * smoothness * smoothness;
  FbxNode node("Material");
  node.with(int64_t{kMaterial}).with(fbx_object_name(name, "Material")).with("");
  node.add("Version").with(102);
  node.add("ShadingModel").with("Phong");
  node.add("MultiLayer").with(0);
  FbxNode& all = node.add("Properties70");
  all.add(vector("DiffuseColor", "Color", 1, 1, 1));
  all.add(number("DiffuseFactor", 1));
  all.add(number("SpecularFactor", 0.25));
  all.add(number("Shininess", shininess));
  all.add(number("ShininessExponent", shininess));
  all.add(number("ReflectionFactor", mesh.metallic));
  return node;
}

/// A picture inside the file, and the texture that shows it.
void add_texture(FbxNode& objects, Id texture_id, Id video_id, const std::string& name,
                 std::span<const std::byte> png) {
  const std::string file = name + ".png";
  FbxNode& video = objects.add("Video");
  video.with(int64_t{video_id}).with(fbx_object_name(name, "Video")).with("Clip");
  video.add("Type").with("Clip");
  FbxNode path = property("Path", "KString", "XRefUrl", "");
  video.add("Properties70").add(path.with(file));
  video.add("UseMipMap").with(0);
  video.add("Filename").with(file);
  video.add("RelativeFilename").with(file);
  video.add("Content").with_bytes(png);

  FbxNode& texture = objects.add("Texture");
  texture.with(int64_t{texture_id}).with(fbx_object_name(name, "Texture")).with("");
  texture.add("Type").with("TextureVideoClip");
  texture.add("Version").with(202);
  texture.add("TextureName").with(fbx_object_name(name, "Texture"));
  FbxNode uses = property("UseMaterial", "bool", "", "");
  texture.add("Properties70").add(uses.with(1));
  texture.add("Media").with(fbx_object_name(name, "Video"));
  texture.add("FileName").with(file);
  texture.add("RelativeFilename").with(file);
  texture.add("ModelUVTranslation").with(0.0).with(0.0);
  texture.add("ModelUVScaling").with(1.0).with(1.0);
  texture.add("Texture_Alpha_Source").with("None");
  texture.add("Cropping").with(0).with(0).with(0).with(0);
}

void connect(FbxNode& connections, Id child, Id parent) {
  connections.add("C").with("OO").with(int64_t{child}).with(int64_t{parent});
}

void connect(FbxNode& connections, Id child, Id parent, const char* as) {
  connections.add("C").with("OP").with(int64_t{child}).with(int64_t{parent}).with(as);
}

}  // namespace

std::vector<std::filesystem::path> write_fbx(const MeshJob& job) {
  const bool has_normal_map = !job.normal_map_png.empty();
  // The foot of the file belongs to this time (fbx_document.cpp), which so stands for none.
  FbxNode id("FileId"), time("CreationTime"), creator("Creator");
  static constexpr unsigned char kFileId[] = {0x28, 0xb3, 0x2a, 0xeb, 0xb6, 0x24, 0xcc, 0xc2,
                                              0xbf, 0xc8, 0xb0, 0x2a, 0xa9, 0x2b, 0xfc, 0xf1};
  id.with_bytes(std::as_bytes(std::span(kFileId)));
  time.with("1970-01-01 10:00:00:000");
  creator.with(kGenerator + job.mesh.provenance.version);

  FbxNode objects("Objects"), connections("Connections");
  objects.add(geometry(job));
  objects.add(model(job.name));
  objects.add(material(job.name, job.mesh));
  connect(connections, kModel, kRoot);
  connect(connections, kGeometry, kModel);
  connect(connections, kMaterial, kModel);
  add_texture(objects, kAlbedo, kAlbedoVideo, job.name + "_albedo", job.albedo_png);
  connect(connections, kAlbedo, kMaterial, "DiffuseColor");
  connect(connections, kAlbedoVideo, kAlbedo);
  if (has_normal_map) {
    add_texture(objects, kNormals, kNormalsVideo, job.name + "_normal", job.normal_map_png);
    connect(connections, kNormals, kMaterial, "NormalMap");
    connect(connections, kNormalsVideo, kNormals);
  }
  const std::vector<FbxNode> nodes{header(job.mesh.provenance),
                                   std::move(id),
                                   std::move(time),
                                   std::move(creator),
                                   global_settings(),
                                   documents(),
                                   FbxNode("References"),
                                   definitions(has_normal_map ? 2 : 1),
                                   std::move(objects),
                                   std::move(connections)};
  const std::filesystem::path path = job.folder / (job.name + ".fbx");
  const std::string file = fbx_file(nodes);
  write_atomically(path, std::as_bytes(std::span(file)));
  return {path};
}

}  // namespace relievo::files
