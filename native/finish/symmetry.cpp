#include "finish/symmetry.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/vectors.h"
#include "surface/weld.h"

namespace relievo {
namespace {

using Uv = std::array<Float2, 3>;

constexpr float kOntoPlane = 1e-5f;  // share of the extent within which a vertex is put onto the plane

/// Cuts faces at x = 0 and gathers one half.
class Half {
 public:
  Half(const MeshFile& mesh, bool keep_right) : from_(mesh), sign_(keep_right ? 1.0f : -1.0f) {
    const auto near = static_cast<float>(kOntoPlane * extent_of(mesh.surface.vertices));
    places_ = mesh.surface.vertices;
    for (Float3& place : places_) {
      if (std::abs(place[0]) <= near) place[0] = 0;
    }
    own_.assign(places_.size(), -1);
  }

  void add(int32_t face) {
    const Int3& corners = from_.surface.faces[face];
    const bool has_uv = !from_.corner_uv.empty();
    std::vector<Corner> kept;
    for (size_t c = 0; c < 3; ++c) {
      const size_t next = (c + 1) % 3;
      const float here = depth(corners[c]), there = depth(corners[next]);
      const Float2 uv = has_uv ? from_.corner_uv[face][c] : Float2{},
                   uv_next = has_uv ? from_.corner_uv[face][next] : Float2{};
      if (here >= 0) kept.push_back({own(corners[c]), uv});
      if ((here > 0 && there < 0) || (here < 0 && there > 0))
        kept.push_back(cut(corners[c], corners[next], uv, uv_next));
    }
    if (kept.size() < 3 || std::ranges::all_of(corners, [&](int32_t v) { return depth(v) <= 0; })) return;
    for (size_t c = 2; c < kept.size(); ++c) {
      made_.surface.faces.push_back({kept[0].vertex, kept[c - 1].vertex, kept[c].vertex});
      if (has_uv) made_.corner_uv.push_back({kept[0].uv, kept[c - 1].uv, kept[c].uv});
      if (!from_.face_texture.empty()) made_.face_texture.push_back(from_.face_texture[face]);
      if (!from_.face_material.empty()) made_.face_material.push_back(from_.face_material[face]);
    }
  }

  MeshFile take() { return std::move(made_); }

 private:
  struct Corner {
    int32_t vertex;
    Float2 uv;
  };

  /// How deep a vertex lies in the half that is kept.
  float depth(int32_t vertex) const { return sign_ * places_[vertex][0]; }

  int32_t own(int32_t vertex) {
    if (own_[vertex] >= 0) return own_[vertex];
    own_[vertex] = static_cast<int32_t>(made_.surface.vertices.size());
    made_.surface.vertices.push_back(places_[vertex]);
    if (!from_.normals.empty()) made_.normals.push_back(from_.normals[vertex]);
    return own_[vertex];
  }

  /// The corner at which an edge crosses the plane. It is computed from the lower place to the higher one, so
  /// that both faces of an edge get the same bits.
  Corner cut(int32_t a, int32_t b, Float2 uv_a, Float2 uv_b) {
    if (places_[b] < places_[a]) {
      std::swap(a, b);
      std::swap(uv_a, uv_b);
    }
    const float t = places_[a][0] / (places_[a][0] - places_[b][0]);
    const Float2 uv{std::lerp(uv_a[0], uv_b[0], t), std::lerp(uv_a[1], uv_b[1], t)};
    const auto [known, is_new] =
        cuts_.emplace(std::pair(a, b), static_cast<int32_t>(made_.surface.vertices.size()));
    if (is_new) {
      made_.surface.vertices.push_back(
          {0, std::lerp(places_[a][1], places_[b][1], t), std::lerp(places_[a][2], places_[b][2], t)});
      if (!from_.normals.empty()) {
        Float3 normal{};
        for (size_t axis = 0; axis < 3; ++axis)
          normal[axis] = std::lerp(from_.normals[a][axis], from_.normals[b][axis], t);
        made_.normals.push_back(unit(normal));
      }
    }
    return {known->second, uv};
  }

  const MeshFile& from_;
  float sign_;
  std::vector<Float3> places_;
  std::vector<int32_t> own_;  // the half's vertex, or -1
  std::map<std::pair<int32_t, int32_t>, int32_t> cuts_;
  MeshFile made_;
};

/// Adds the mirror image. Vertices on the plane are shared, and their normals lie in it.
void add_mirror_image(MeshFile& mesh) {
  const auto vertices = static_cast<int32_t>(mesh.surface.vertices.size());
  const size_t faces = mesh.surface.faces.size();
  std::vector<int32_t> image(vertices);
  for (int32_t v = 0; v < vertices; ++v) {
    if (mesh.surface.vertices[v][0] == 0) {
      image[v] = v;
      if (mesh.normals.empty()) continue;
      const Float3 within = unit({0, mesh.normals[v][1], mesh.normals[v][2]});
      if (length(within) > 0) mesh.normals[v] = within;
      continue;
    }
    image[v] = static_cast<int32_t>(mesh.surface.vertices.size());
    const Float3 place = mesh.surface.vertices[v];
    mesh.surface.vertices.push_back({-place[0], place[1], place[2]});
    if (mesh.normals.empty()) continue;
    const Float3 normal = mesh.normals[v];
    mesh.normals.push_back({-normal[0], normal[1], normal[2]});
  }
  for (size_t f = 0; f < faces; ++f) {
    const Int3 face = mesh.surface.faces[f];
    mesh.surface.faces.push_back({image[face[0]], image[face[2]], image[face[1]]});
    if (!mesh.corner_uv.empty()) {
      const Uv uv = mesh.corner_uv[f];
      mesh.corner_uv.push_back({uv[0], uv[2], uv[1]});
    }
    if (!mesh.face_texture.empty()) mesh.face_texture.push_back(mesh.face_texture[f]);
    if (!mesh.face_material.empty()) mesh.face_material.push_back(mesh.face_material[f]);
  }
}

}  // namespace

MeshFile made_symmetric(const MeshFile& mesh, bool keep_right, const CancelToken& cancel) {
  Half half(mesh, keep_right);
  for (int32_t face = 0; face < std::ssize(mesh.surface.faces); ++face) {
    if (face % 65536 == 0) cancel.check();
    half.add(face);
  }
  MeshFile made = half.take();
  if (made.surface.faces.empty()) {
    throw Error(
        ErrorCode::kInvalidImage,
        fmt::format("Nothing of the mesh lies on its {} side, beyond x = 0.", keep_right ? "right" : "left"),
        "Move its origin to its middle, or mirror the other side.");
  }
  cancel.check();
  add_mirror_image(made);
  made.textures = mesh.textures;
  made.materials = mesh.materials;
  made.normal_maps = mesh.normal_maps;
  return made;
}

}  // namespace relievo
