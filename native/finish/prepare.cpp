#include "finish/prepare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/vectors.h"
#include "base/vertex_normals.h"
#include "check/check.h"
#include "surface/clean_surface.h"
#include "surface/weld.h"

namespace relievo {
namespace {

constexpr float kBeyond = 1e-4f;       // of the texture's side, which rounding may put UVs outside of it
constexpr double kMostOverlap = 0.01;  // share of the covered texels
constexpr float kNormalSteps = 128;    // in which normals are told apart

std::array<int, 3> rounded(const Float3& normal) {
  std::array<int, 3> steps{};
  for (size_t axis = 0; axis < 3; ++axis)
    steps[axis] = static_cast<int>(std::lround(normal[axis] * kNormalSteps));
  return steps;
}

}  // namespace

void fill_normals(MeshFile& mesh) {
  if (mesh.normals.size() == mesh.surface.vertices.size()) {
    for (Float3& normal : mesh.normals) {
      normal = unit(normal);
      if (!(length(normal) > 0)) normal = {0, 0, 1};
    }
    return;
  }
  const std::vector<int32_t> first = first_at_place(mesh.surface.vertices);
  const std::vector<Float3> of_places = vertex_normals(welded(mesh.surface));
  mesh.normals.resize(first.size());
  for (size_t v = 0; v < first.size(); ++v) mesh.normals[v] = of_places[first[v]];
}

Surface surface_of(const MeshFile& mesh) {
  const std::vector<int32_t> first = first_at_place(mesh.surface.vertices);
  std::map<std::tuple<int32_t, std::array<int, 3>>, int32_t> known;
  std::vector<int32_t> own(first.size());
  Surface surface;
  for (size_t v = 0; v < first.size(); ++v) {
    const auto [found, is_new] = known.emplace(std::tuple(first[v], rounded(mesh.normals[v])),
                                               static_cast<int32_t>(surface.vertices.size()));
    if (is_new) surface.vertices.push_back(mesh.surface.vertices[v]);
    own[v] = found->second;
  }
  surface.faces = mesh.surface.faces;
  for (Int3& face : surface.faces) {
    for (int32_t& vertex : face) vertex = own[vertex];
  }
  return surface;
}

Surface body_of(const MeshFile& mesh, const Control& control) {
  return clean_surface(welded(mesh.surface), {.smallest_share = 0}, control);
}

std::string why_no_uv(const MeshFile& mesh, const CancelToken& cancel) {
  if (mesh.corner_uv.empty()) return "it has none";
  int64_t without = 0, beyond = 0;
  for (const auto& uv : mesh.corner_uv) {
    bool is_finite = true, is_within = true;
    for (const Float2& corner : uv) {
      for (const float coordinate : corner) {
        is_finite = is_finite && std::isfinite(coordinate);
        is_within = is_within && coordinate >= -kBeyond && coordinate <= 1 + kBeyond;
      }
    }
    without += is_finite ? 0 : 1;
    beyond += is_finite && !is_within ? 1 : 0;
  }
  if (without > 0) return fmt::format("{} of its faces have none", without);
  if (beyond > 0) return fmt::format("those of {} faces reach beyond the texture", beyond);
  // All faces will share one texture, whatever theirs are now.
  const MeshFile together{.surface = mesh.surface,
                          .corner_uv = mesh.corner_uv,
                          .face_texture = std::vector<int32_t>(mesh.surface.faces.size(), -1)};
  const double overlap = check_texture(together, cancel).uv_overlap;
  if (overlap > kMostOverlap)
    return fmt::format("{:.0f} % of them lie over each other", std::max(1.0, 100 * overlap));
  return {};
}

}  // namespace relievo
