// Arithmetic on points, for texture/ only.
#pragma once

#include <cmath>

#include "base/mesh.h"

namespace relievo {

inline Float3 minus(const Float3& a, const Float3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }
inline float dot(const Float3& a, const Float3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
inline float length(const Float3& a) { return std::sqrt(dot(a, a)); }
inline Float3 scaled(const Float3& a, float s) { return {a[0] * s, a[1] * s, a[2] * s}; }
inline Float3 cross(const Float3& a, const Float3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
/// (0, 0, 0) where there is no direction.
inline Float3 unit(const Float3& a) {
  const float size = length(a);
  return size > 0 ? scaled(a, 1 / size) : Float3{0, 0, 0};
}

/// The face's normal, as long as twice its area.
inline Float3 area_normal(const Surface& surface, const Int3& face) {
  const Float3& a = surface.vertices[face[0]];
  return cross(minus(surface.vertices[face[1]], a), minus(surface.vertices[face[2]], a));
}

}  // namespace relievo
