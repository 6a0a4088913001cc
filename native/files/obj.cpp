#include <algorithm>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "files/mesh_writers.h"
#include "files/scene.h"
#include "files/source_mark.h"

namespace relievo::files {
namespace {

std::string comments(const Provenance& provenance) {
  std::string text;
  for (const std::string& line : provenance_lines(provenance)) text += fmt::format("# {}\n", line);
  return text;
}

/// The name of a texture's file. Blender's importer drops quotation marks from such names, so they are
/// written as in URLs.
std::string texture_name(const std::string& name, std::string_view ending) {
  std::string file;
  for (const char c : name) file += c == '"' ? std::string("%22") : std::string(1, c);
  return file.append(ending);
}

/// Writes the material, with roughness and metallic as Pr and Pm of the physically based extension of MTL.
std::string material(const MeshJob& job, const std::string& albedo, const std::string& normal_map,
                     const std::string& occlusion) {
  // A name that starts with a dash would be taken for an option.
  const char* folder = job.name.starts_with('-') ? "./" : "";
  std::string text = comments(job.mesh.provenance);
  text += fmt::format("newmtl {}\nKd 1 1 1\nPr {}\nPm {}\nmap_Kd {}{}\n", job.name, job.mesh.roughness,
                      job.mesh.metallic, folder, albedo);
  if (!job.occlusion_png.empty()) text += fmt::format("map_Ka {}{}\n", folder, occlusion);
  // Without -bm Blender's importer sets the map's strength to 0.
  if (!job.normal_map_png.empty()) text += fmt::format("map_Bump -bm 1 {}{}\n", folder, normal_map);
  return text;
}

}  // namespace

std::vector<std::filesystem::path> write_obj(const MeshJob& job) {
  IndexedMesh mesh = split_at_seams(job.mesh);
  turn_to_y_up(mesh);
  const std::string file_name = job.name + ".obj";
  // Assimp writes the line that names the MTL, and an MTL of its own, which is dropped because it would not
  // name the textures.
  std::vector<std::byte> geometry = export_scene(*make_scene(mesh, job.name), "obj", file_name);
  const std::string head = comments(job.mesh.provenance);
  const auto* first = reinterpret_cast<const std::byte*>(head.data());
  geometry.insert(geometry.begin(), first, first + head.size());

  const std::string albedo = texture_name(job.name, "_albedo.png");
  const std::string normal_map = texture_name(job.name, "_normal.png");
  const std::string occlusion = texture_name(job.name, "_occlusion.png");
  const std::string library = material(job, albedo, normal_map, occlusion);

  // The OBJ is written last, so that everything it refers to is there.
  std::vector<std::filesystem::path> files;
  const auto write = [&](const std::string& name, std::span<const std::byte> bytes) {
    write_atomically(files.emplace_back(job.folder / name), bytes);
  };
  write(albedo, job.albedo_png);
  if (!job.normal_map_png.empty()) write(normal_map, job.normal_map_png);
  if (!job.occlusion_png.empty()) write(occlusion, job.occlusion_png);
  write(job.name + ".mtl", std::as_bytes(std::span(library)));
  write(file_name, geometry);
  std::rotate(files.begin(), files.end() - 1, files.end());
  return files;
}

}  // namespace relievo::files
