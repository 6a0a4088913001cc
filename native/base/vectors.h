// The little vector algebra that meshes take. On Float3 in float; in double where small differences count:
// then it begins with minus_in_double.
#pragma once

#include <array>
#include <cmath>

#include "base/mesh.h"

namespace relievo {

using Double3 = std::array<double, 3>;

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

/// a - b without rounding before the subtraction.
inline Double3 minus_in_double(const Float3& a, const Float3& b) {
  return {double{a[0]} - b[0], double{a[1]} - b[1], double{a[2]} - b[2]};
}
inline Double3 plus(const Double3& a, const Double3& b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2]}; }
inline double dot(const Double3& a, const Double3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
inline double length(const Double3& a) { return std::sqrt(dot(a, a)); }
inline Double3 scaled(const Double3& a, double s) { return {a[0] * s, a[1] * s, a[2] * s}; }
inline Double3 cross(const Double3& a, const Double3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

/// The face's normal, as long as twice its area.
inline Float3 area_normal(const Surface& surface, const Int3& face) {
  const Float3& a = surface.vertices[face[0]];
  return cross(minus(surface.vertices[face[1]], a), minus(surface.vertices[face[2]], a));
}
/// The same in double.
inline Double3 area_normal_in_double(const Surface& surface, const Int3& face) {
  const Float3& a = surface.vertices[face[0]];
  return cross(minus_in_double(surface.vertices[face[1]], a), minus_in_double(surface.vertices[face[2]], a));
}

}  // namespace relievo
