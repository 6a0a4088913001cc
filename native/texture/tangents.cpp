#include "texture/tangents.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/vectors.h"

namespace relievo {
namespace {

struct Corner {
  int32_t vertex;
  Float2 uv;
  // The sign of the face's UV area, or 0 for a face without an area in the texture.
  float sign;
  int32_t place;  // 3 * face + corner
};

/// The part of `a` at right angles to the unit vector `normal`, normalised.
Float3 in_plane(const Float3& a, const Float3& normal) {
  return unit(minus(a, scaled(normal, dot(a, normal))));
}

/// Computes the direction of growing u over a face, times the sign of its UV area; returns that sign.
float face_tangent(const Surface& surface, const Int3& face, const std::array<Float2, 3>& uv,
                   Float3& tangent) {
  const Float3 e1 = minus(surface.vertices[face[1]], surface.vertices[face[0]]);
  const Float3 e2 = minus(surface.vertices[face[2]], surface.vertices[face[0]]);
  const float u1 = uv[1][0] - uv[0][0], v1 = uv[1][1] - uv[0][1];
  const float u2 = uv[2][0] - uv[0][0], v2 = uv[2][1] - uv[0][1];
  const float area = u1 * v2 - u2 * v1;
  const float sign = area > 0 ? 1.0f : area < 0 ? -1.0f : 0.0f;
  tangent = unit(scaled(minus(scaled(e1, v2), scaled(e2, v1)), sign));
  return sign;
}

float corner_angle(const Surface& surface, const Int3& face, int corner, const Float3& normal) {
  const Float3& here = surface.vertices[face[corner]];
  const Float3 next = in_plane(minus(surface.vertices[face[(corner + 1) % 3]], here), normal);
  const Float3 last = in_plane(minus(surface.vertices[face[(corner + 2) % 3]], here), normal);
  return std::acos(std::clamp(dot(next, last), -1.0f, 1.0f));
}

/// Returns any direction at right angles to the normal.
Float3 any_across(const Float3& normal) {
  return in_plane(std::abs(normal[0]) < 0.6f ? Float3{1, 0, 0} : Float3{0, 1, 0}, normal);
}

}  // namespace

std::vector<std::array<Tangent, 3>> corner_tangents(const Surface& surface,
                                                    const std::vector<std::array<Float2, 3>>& corner_uv,
                                                    const std::vector<Float3>& normals) {
  std::vector<Float3> of_face(surface.faces.size());
  std::vector<Corner> corners;
  corners.reserve(3 * surface.faces.size());
  for (size_t f = 0; f < surface.faces.size(); ++f) {
    const float sign = face_tangent(surface, surface.faces[f], corner_uv[f], of_face[f]);
    for (int c = 0; c < 3; ++c) {
      corners.push_back({surface.faces[f][c], corner_uv[f][c], sign, static_cast<int32_t>(3 * f) + c});
    }
  }
  // Corners of one group stand side by side, with those without a sign at its end.
  const auto key = [](const Corner& c) { return std::tuple(c.vertex, c.uv, -c.sign, c.place); };
  std::ranges::sort(corners, {}, key);
  std::vector<std::array<Tangent, 3>> tangents(surface.faces.size());
  for (size_t first = 0, last = 0; first < corners.size(); first = last) {
    const Corner& one = corners[first];
    const Float3& normal = normals[one.vertex];
    Float3 sum{0, 0, 0};
    for (; last < corners.size(); ++last) {
      const Corner& c = corners[last];
      if (c.vertex != one.vertex || c.uv != one.uv || c.sign != one.sign) break;
      const int32_t face = c.place / 3;
      const Float3 across = in_plane(of_face[face], normal);
      const float angle = corner_angle(surface, surface.faces[face], c.place % 3, normal);
      for (int axis = 0; axis < 3; ++axis) sum[axis] += angle * across[axis];
    }
    Float3 tangent = unit(sum);
    if (length(tangent) == 0) tangent = any_across(normal);
    const Tangent result{tangent[0], tangent[1], tangent[2], one.sign < 0 ? -1.0f : 1.0f};
    for (size_t i = first; i < last; ++i) tangents[corners[i].place / 3][corners[i].place % 3] = result;
  }
  return tangents;
}

}  // namespace relievo
