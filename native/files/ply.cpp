// PLY is written here and not by Assimp, whose binary PLY (5.2) declares colours as bytes and stores them as
// floats.
#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "base/atomic_file.h"
#include "files/indexed_mesh.h"
#include "files/mesh_writers.h"
#include "files/source_mark.h"

namespace relievo::files {
namespace {

static_assert(std::endian::native == std::endian::little);

std::string header(const IndexedMesh& mesh, const Provenance& provenance) {
  std::string text = "ply\nformat binary_little_endian 1.0\n";
  for (const std::string& line : provenance_lines(provenance)) text += fmt::format("comment {}\n", line);
  text += fmt::format("element vertex {}\n", mesh.positions.size());
  for (const char* name : {"x", "y", "z", "nx", "ny", "nz"}) text += fmt::format("property float {}\n", name);
  for (const char* name : {"red", "green", "blue"}) text += fmt::format("property uchar {}\n", name);
  text +=
      fmt::format("element face {}\nproperty list uchar int vertex_indices\nend_header\n", mesh.faces.size());
  return text;
}

std::array<uint8_t, 3> bytes_of(const Float3& colour) {
  std::array<uint8_t, 3> bytes{};
  for (size_t c = 0; c < 3; ++c) {
    bytes[c] = static_cast<uint8_t>(std::lround(std::clamp(colour[c], 0.0f, 1.0f) * 255.0f));
  }
  return bytes;
}

}  // namespace

std::vector<std::filesystem::path> write_ply(const MeshJob& job) {
  const IndexedMesh mesh = with_vertex_colours(job.mesh);
  std::vector<std::byte> file;
  const auto append = [&](const auto& values) {
    const auto bytes = std::as_bytes(std::span(values));
    file.insert(file.end(), bytes.begin(), bytes.end());
  };
  append(header(mesh, job.mesh.provenance));
  for (size_t i = 0; i < mesh.positions.size(); ++i) {
    append(mesh.positions[i]);
    append(mesh.normals[i]);
    append(bytes_of(mesh.colours[i]));
  }
  constexpr std::array<uint8_t, 1> kCorners{3};
  for (const Int3& face : mesh.faces) {
    append(kCorners);
    append(face);
  }
  const std::filesystem::path path = job.folder / (job.name + ".ply");
  write_atomically(path, file);
  return {path};
}

}  // namespace relievo::files
