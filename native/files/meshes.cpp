#include "files/meshes.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "base/error.h"
#include "files/formats.h"
#include "files/mesh_writers.h"

namespace relievo {
namespace {

/// Throws for a bad name. A name becomes file names and names inside the files, and OBJ has no way to quote
/// one.
void require_name(const std::string& name) {
  const bool fine = !name.empty() && name != "." && name != ".." && name.front() != ' ' &&
                    name.back() != ' ' && std::none_of(name.begin(), name.end(), [](unsigned char c) {
                      return c == '/' || c == '\\' || std::iscntrl(c) != 0;
                    });
  if (fine) return;
  throw Error(
      ErrorCode::kInvalidSettings, fmt::format("'{}' cannot be the name of a mesh file.", name),
      "Use a name without slashes, backslashes and line breaks that neither starts nor ends with a space.");
}

void require_consistent(const TexturedMesh& mesh) {
  const Surface& surface = mesh.surface;
  if (surface.faces.empty()) {
    throw Error(ErrorCode::kEmptySurface, "The mesh has no faces.", "Try another picture or other settings.");
  }
  const auto vertices = static_cast<int64_t>(surface.vertices.size());
  const bool indices_fit = std::all_of(surface.faces.begin(), surface.faces.end(), [&](const Int3& face) {
    return std::all_of(face.begin(), face.end(),
                       [&](int32_t index) { return index >= 0 && index < vertices; });
  });
  const bool levels_fit = std::ranges::all_of(mesh.levels, [](const DetailLevel& level) {
    return !level.surface.faces.empty() && level.corner_uv.size() == level.surface.faces.size();
  });
  const bool colours_fit =
      mesh.vertex_colours.empty() || mesh.vertex_colours.size() == surface.vertices.size();
  if (!indices_fit || !levels_fit || !colours_fit || mesh.corner_uv.size() != surface.faces.size() ||
      mesh.albedo.channels != 3 || mesh.albedo.pixels.empty()) {
    throw Error(ErrorCode::kInternal, "The parts of the mesh do not fit together.");
  }
}

}  // namespace

std::vector<std::filesystem::path> write_mesh(const std::filesystem::path& folder, const std::string& name,
                                              const std::string& format, const TexturedMesh& mesh,
                                              const std::vector<std::byte>& albedo_png) {
  struct Writer {
    const char* format;
    bool textured;
    std::vector<std::filesystem::path> (*write)(const files::MeshJob&);
  };
  static constexpr Writer kWriters[] = {{"glb", true, files::write_glb},  {"obj", true, files::write_obj},
                                        {"fbx", true, files::write_fbx},  {"ply", false, files::write_ply},
                                        {"stl", false, files::write_stl}, {"3mf", false, files::write_3mf}};
  const auto* const writer = std::find_if(std::begin(kWriters), std::end(kWriters),
                                          [&](const Writer& w) { return w.format == format; });
  if (writer == std::end(kWriters)) {
    throw Error(ErrorCode::kInvalidSettings, fmt::format("Meshes are not written as '{}'.", format),
                "Choose glb, obj, fbx, ply, stl or 3mf.");
  }
  require_name(name);
  require_consistent(mesh);

  std::vector<std::byte> albedo = albedo_png;
  std::vector<std::byte> normal_map, occlusion;
  if (writer->textured) {
    if (albedo.empty()) albedo = encode_png(mesh.albedo, mesh.provenance);
    if (!mesh.normal_map.pixels.empty()) {
      normal_map = files::encode_png(mesh.normal_map, files::PngContent::kData, mesh.provenance);
    }
    if (!mesh.occlusion.pixels.empty()) {
      occlusion = files::encode_png(mesh.occlusion, files::PngContent::kData, mesh.provenance);
    }
  }
  return writer->write(files::MeshJob{folder, name, mesh, albedo, normal_map, occlusion});
}

}  // namespace relievo
