#include "texture/chart.h"

#include <algorithm>
#include <cmath>

#include "base/vectors.h"

namespace relievo {

double uv_area(const std::array<Float2, 3>& c) {
  return ((double{c[1][0]} - c[0][0]) * (double{c[2][1]} - c[0][1]) -
          (double{c[1][1]} - c[0][1]) * (double{c[2][0]} - c[0][0])) /
         2;
}

void normalise(Chart& chart, const Surface& surface) {
  double area = 0, flat_area = 0;
  Float2 low{1e30f, 1e30f};
  for (size_t i = 0; i < chart.faces.size(); ++i) {
    area += length(area_normal(surface, surface.faces[chart.faces[i]])) / 2;
    flat_area += std::abs(uv_area(chart.corner_uv[i]));
    for (const Float2& uv : chart.corner_uv[i]) {
      for (int axis = 0; axis < 2; ++axis) low[axis] = std::min(low[axis], uv[axis]);
    }
  }
  const auto scale = static_cast<float>(flat_area > 0 ? std::sqrt(area / flat_area) : 0);
  chart.size = {0, 0};
  for (auto& corners : chart.corner_uv) {
    for (Float2& uv : corners) {
      for (int axis = 0; axis < 2; ++axis) {
        uv[axis] = (uv[axis] - low[axis]) * scale;
        chart.size[axis] = std::max(chart.size[axis], uv[axis]);
      }
    }
  }
}

void Stretch::add(const Surface& surface, const Int3& face, const std::array<Float2, 3>& uv) {
  const double area = length(area_normal(surface, face)) / 2, flat_area = uv_area(uv);
  area_ += area;
  flat_area_ += std::abs(flat_area);
  if (!(area > 0) || std::abs(flat_area) < 0.5e-20) return;
  const Float3 e1 = minus(surface.vertices[face[1]], surface.vertices[face[0]]);
  const Float3 e2 = minus(surface.vertices[face[2]], surface.vertices[face[0]]);
  const double u1 = uv[1][0] - uv[0][0], v1 = uv[1][1] - uv[0][1];
  const double u2 = uv[2][0] - uv[0][0], v2 = uv[2][1] - uv[0][1];
  double sum = 0;  // |dS/du|^2 + |dS/dv|^2
  for (int axis = 0; axis < 3; ++axis) {
    const double along_u = (v2 * e1[axis] - v1 * e2[axis]) / (2 * flat_area);
    const double along_v = (u1 * e2[axis] - u2 * e1[axis]) / (2 * flat_area);
    sum += along_u * along_u + along_v * along_v;
  }
  sum_ += sum / 2 * area;
}

double Stretch::mean() const {
  return area_ > 0 ? std::sqrt(sum_ / area_) * std::sqrt(flat_area_ / area_) : 0;
}

}  // namespace relievo
