// The little vector algebra that cleaning and measuring a mesh take, in double.
#pragma once

#include <array>

#include "base/mesh.h"

namespace relievo {

using Double3 = std::array<double, 3>;

inline Double3 minus(const Float3& a, const Float3& b) {
  return {double{a[0]} - b[0], double{a[1]} - b[1], double{a[2]} - b[2]};
}
inline Double3 cross(const Double3& a, const Double3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
inline double dot(const Double3& a, const Double3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

}  // namespace relievo
