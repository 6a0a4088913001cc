#include "files/indexed_mesh.h"

#include <algorithm>
#include <cmath>

#include "base/vertex_normals.h"

namespace relievo::files {
namespace {

/// The texel under a UV, repeating beyond 0..1.
Float3 colour_at(const ByteImage& albedo, const Float2& uv) {
  const auto index = [](float coordinate, int size) {
    return std::clamp(static_cast<int>((coordinate - std::floor(coordinate)) * static_cast<float>(size)), 0,
                      size - 1);
  };
  const uint8_t* texel =
      albedo.pixel(index(uv[0], albedo.width), albedo.height - 1 - index(uv[1], albedo.height));
  return {static_cast<float>(texel[0]) / 255.0f, static_cast<float>(texel[1]) / 255.0f,
          static_cast<float>(texel[2]) / 255.0f};
}

IndexedMesh split(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                  const std::vector<Float3>& colours) {
  const std::vector<Float3> normals = vertex_normals(surface);
  IndexedMesh result;
  result.faces.reserve(surface.faces.size());
  // The vertices made from one vertex of the surface form a chain.
  constexpr int32_t kNone = -1;
  std::vector<int32_t> first(surface.vertices.size(), kNone);
  std::vector<int32_t> next;
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    Int3& face = result.faces.emplace_back();
    for (int corner = 0; corner < 3; ++corner) {
      const int32_t vertex = surface.faces[f][corner];
      const Float2& uv = corner_uv[f][corner];
      int32_t found = first[vertex];
      while (found != kNone && result.uvs[found] != uv) found = next[found];
      if (found == kNone) {
        found = static_cast<int32_t>(result.positions.size());
        result.positions.push_back(surface.vertices[vertex]);
        result.normals.push_back(normals[vertex]);
        result.uvs.push_back(uv);
        if (!colours.empty()) result.colours.push_back(colours[vertex]);
        next.push_back(first[vertex]);
        first[vertex] = found;
      }
      face[corner] = found;
    }
  }
  return result;
}

}  // namespace

IndexedMesh split_at_seams(const TexturedMesh& mesh) {
  return split(mesh.surface, mesh.corner_uv, mesh.vertex_colours);
}

IndexedMesh split_at_seams(const DetailLevel& level) { return split(level.surface, level.corner_uv, {}); }

IndexedMesh with_vertex_colours(const TexturedMesh& mesh) {
  IndexedMesh coloured{.positions = mesh.surface.vertices,
                       .normals = vertex_normals(mesh.surface),
                       .uvs = {},
                       .colours = mesh.vertex_colours,
                       .faces = mesh.surface.faces};
  if (coloured.colours.empty()) {
    coloured.colours.resize(mesh.surface.vertices.size());
    for (size_t f = 0; f < mesh.surface.faces.size(); ++f) {
      for (int corner = 0; corner < 3; ++corner) {
        coloured.colours[mesh.surface.faces[f][corner]] = colour_at(mesh.albedo, mesh.corner_uv[f][corner]);
      }
    }
  }
  return coloured;
}

void turn_to_y_up(IndexedMesh& mesh) {
  const auto turn = [](Float3& v) { v = {v[0], v[2], -v[1]}; };
  std::for_each(mesh.positions.begin(), mesh.positions.end(), turn);
  std::for_each(mesh.normals.begin(), mesh.normals.end(), turn);
}

}  // namespace relievo::files
