#include "train/data/winding.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace relievo {
namespace {

/// The solid angle of a triangle (van Oosterom and Strackee 1983), positive from behind it.
double solid_angle(const Surface& surface, const Int3& face, const Float3& point) {
  std::array<Double3, 3> to{};
  std::array<double, 3> size{};
  for (size_t i = 0; i < 3; ++i) {
    to[i] = minus_in_double(surface.vertices[face[i]], point);
    size[i] = length(to[i]);
  }
  const double volume = dot(to[0], cross(to[1], to[2]));
  const double below = size[0] * size[1] * size[2] + dot(to[0], to[1]) * size[2] +
                       dot(to[1], to[2]) * size[0] + dot(to[2], to[0]) * size[1];
  return 2 * std::atan2(volume, below);
}

}  // namespace

WindingNumber::WindingNumber(const Surface& surface)
    : surface_(surface),
      tree_(kernels::build_tree(surface.vertices.empty() ? nullptr : surface.vertices[0].data(),
                                surface.faces.empty() ? nullptr : surface.faces[0].data(),
                                static_cast<int64_t>(surface.faces.size()))),
      dipoles_(tree_.nodes.size()) {
  std::vector<double> areas(tree_.nodes.size());
  // Children come after their parents.
  for (size_t i = tree_.nodes.size(); i-- > 0;) {
    const kernels::TreeNode& node = tree_.nodes[i];
    Dipole& dipole = dipoles_[i];
    const auto add = [&](const Double3& centre, const Double3& normal, double area) {
      dipole.centre = plus(dipole.centre, scaled(centre, area));
      dipole.normal = plus(dipole.normal, normal);
      areas[i] += area;
    };
    for (int32_t k = node.first; k < node.first + node.count; ++k) {
      const Int3& face = surface.faces[tree_.order[k]];
      Double3 centre{};
      for (const int32_t v : face) {
        for (size_t axis = 0; axis < 3; ++axis) centre[axis] += surface.vertices[v][axis] / 3.0;
      }
      const Double3 normal = scaled(area_normal_in_double(surface, face), 0.5);
      add(centre, normal, length(normal));
    }
    if (node.count == 0) {
      for (const size_t child : {static_cast<size_t>(node.first), static_cast<size_t>(node.first) + 1}) {
        add(dipoles_[child].centre, dipoles_[child].normal, areas[child]);
      }
    }
    if (areas[i] > 0) dipole.centre = scaled(dipole.centre, 1 / areas[i]);
    double squared = 0;
    for (size_t axis = 0; axis < 3; ++axis) {
      const double reach =
          std::max(node.high[axis] - dipole.centre[axis], dipole.centre[axis] - node.low[axis]);
      squared += reach * reach;
    }
    dipole.radius = std::sqrt(squared);
  }
}

double WindingNumber::at(const Float3& point) const {
  constexpr double kFar = 2.3;  // Barill's beta
  if (tree_.nodes.empty()) return 0;
  double sum = 0;
  std::array<int32_t, 128> waiting{};
  size_t count = 1;
  while (count > 0) {
    const auto i = static_cast<size_t>(waiting[--count]);
    const Dipole& dipole = dipoles_[i];
    const Double3 to = {dipole.centre[0] - point[0], dipole.centre[1] - point[1],
                        dipole.centre[2] - point[2]};
    const double distance = length(to);
    const kernels::TreeNode& node = tree_.nodes[i];
    if (distance > kFar * dipole.radius) {
      sum += dot(dipole.normal, to) / (distance * distance * distance);
    } else if (node.count > 0) {
      for (int32_t k = node.first; k < node.first + node.count; ++k) {
        sum += solid_angle(surface_, surface_.faces[tree_.order[k]], point);
      }
    } else {
      waiting[count++] = node.first;
      waiting[count++] = node.first + 1;
    }
  }
  return sum / (4 * std::numbers::pi);
}

}  // namespace relievo
