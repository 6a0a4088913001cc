#include "finish/levels.h"

#include <algorithm>

#include <meshoptimizer.h>

namespace relievo {
namespace {

constexpr size_t kFewest = 12;  // faces of a level
constexpr double kMostOfLast = 0.9;

/// A surface with a vertex for each pair of place and UV.
struct Split {
  std::vector<Float3> places;
  std::vector<int32_t> vertex;  // of the surface
  std::vector<Float2> uv;
  std::vector<unsigned> indices;  // three a face

  Split(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv) {
    std::vector<int32_t> first(surface.vertices.size(), -1), next;
    for (size_t f = 0; f < surface.faces.size(); ++f) {
      for (size_t corner = 0; corner < 3; ++corner) {
        const int32_t of = surface.faces[f][corner];
        int32_t found = first[of];
        while (found >= 0 && uv[found] != corner_uv[f][corner]) found = next[found];
        if (found < 0) {
          found = static_cast<int32_t>(places.size());
          places.push_back(surface.vertices[of]);
          vertex.push_back(of);
          uv.push_back(corner_uv[f][corner]);
          next.push_back(first[of]);
          first[of] = found;
        }
        indices.push_back(static_cast<unsigned>(found));
      }
    }
  }
};

DetailLevel level_of(const Split& split, const std::vector<unsigned>& indices, size_t vertices) {
  DetailLevel level;
  std::vector<int32_t> own(vertices, -1);
  for (size_t i = 0; i < indices.size(); i += 3) {
    Int3& face = level.surface.faces.emplace_back();
    std::array<Float2, 3>& uv = level.corner_uv.emplace_back();
    for (size_t corner = 0; corner < 3; ++corner) {
      const unsigned index = indices[i + corner];
      int32_t& vertex = own[split.vertex[index]];
      if (vertex < 0) {
        vertex = static_cast<int32_t>(level.surface.vertices.size());
        level.surface.vertices.push_back(split.places[index]);
      }
      face[corner] = vertex;
      uv[corner] = split.uv[index];
    }
  }
  return level;
}

}  // namespace

std::vector<DetailLevel> make_levels(const Surface& surface,
                                     const std::vector<std::array<Float2, 3>>& corner_uv, int count,
                                     const Control& control) {
  constexpr float kMostError = 1;  // of the extent: the number of faces decides
  const Split split(surface, corner_uv);
  std::vector<unsigned> indices = split.indices;
  std::vector<DetailLevel> levels;
  for (int level = 0; level < count; ++level) {
    control.step(static_cast<double>(level) / count);
    const size_t before = indices.size() / 3, target = std::max(before / 2, kFewest);
    std::vector<unsigned> fewer(indices.size());
    fewer.resize(meshopt_simplify(fewer.data(), indices.data(), indices.size(), split.places.data()->data(),
                                  split.places.size(), sizeof(Float3), 3 * target, kMostError, 0, nullptr));
    if (static_cast<double>(fewer.size()) > kMostOfLast * static_cast<double>(indices.size())) break;
    indices = std::move(fewer);
    levels.push_back(level_of(split, indices, surface.vertices.size()));
  }
  control.step(1);
  return levels;
}

}  // namespace relievo
