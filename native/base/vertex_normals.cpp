#include "base/vertex_normals.h"

#include <cmath>

namespace relievo {
namespace {

Float3 difference(const Float3& a, const Float3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }

double dot(const Float3& a, const Float3& b) {
  return double{a[0]} * b[0] + double{a[1]} * b[1] + double{a[2]} * b[2];
}

std::array<double, 3> cross(const Float3& a, const Float3& b) {
  return {double{a[1]} * b[2] - double{a[2]} * b[1], double{a[2]} * b[0] - double{a[0]} * b[2],
          double{a[0]} * b[1] - double{a[1]} * b[0]};
}

double length(const std::array<double, 3>& v) { return std::hypot(v[0], v[1], v[2]); }

}  // namespace

std::vector<Float3> vertex_normals(const Surface& surface) {
  std::vector<std::array<double, 3>> sums(surface.vertices.size());
  for (const Int3& face : surface.faces) {
    for (int corner = 0; corner < 3; ++corner) {
      const Float3& here = surface.vertices[face[corner]];
      const Float3 next = difference(surface.vertices[face[(corner + 1) % 3]], here);
      const Float3 last = difference(surface.vertices[face[(corner + 2) % 3]], here);
      const std::array<double, 3> across = cross(next, last);
      const double twice_area = length(across);
      if (twice_area == 0) continue;
      const double angle = std::atan2(twice_area, dot(next, last));
      for (int axis = 0; axis < 3; ++axis) sums[face[corner]][axis] += across[axis] / twice_area * angle;
    }
  }
  std::vector<Float3> normals(sums.size(), Float3{0, 0, 1});
  for (size_t i = 0; i < sums.size(); ++i) {
    const double size = length(sums[i]);
    if (size == 0) continue;
    for (int axis = 0; axis < 3; ++axis) normals[i][axis] = static_cast<float>(sums[i][axis] / size);
  }
  return normals;
}

}  // namespace relievo
