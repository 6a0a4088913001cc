// Fields for the tests of surface/.
#pragma once

#include <functional>

#include <ATen/ATen.h>

#include "nn/field.h"
#include "surface/grid.h"

namespace relievo {

/// A signed-distance field made of functions of points `[N, 3]`; the calls it gets are counted.
class FunctionField : public Field {
 public:
  using Function = std::function<at::Tensor(const at::Tensor&)>;

  explicit FunctionField(Function distance) : distance_(std::move(distance)) {}

  FieldKind kind() const override { return field_kind; }
  at::Device device() const override { return at::kCPU; }
  at::Tensor values(const at::Tensor& points) const override {
    largest_chunk = std::max(largest_chunk, points.size(0));
    return distance_(points);
  }
  at::Tensor deformation(const at::Tensor& points, int) const override {
    deformed_points += points.size(0);
    return deform ? deform(points) : at::Tensor();
  }
  at::Tensor cube_weights(const at::Tensor& corners) const override {
    weighted_cubes += corners.size(0);
    return weigh ? weigh(corners) : at::Tensor();
  }
  at::Tensor colours(const at::Tensor& points) const override { return at::zeros_like(points); }

  FieldKind field_kind = FieldKind::kSignedDistance;
  Function deform;
  Function weigh;
  mutable int64_t largest_chunk = 0;
  mutable int64_t deformed_points = 0;
  mutable int64_t weighted_cubes = 0;

 private:
  Function distance_;
};

/// Numbers of the vertices of a grid that lie at `points`.
inline at::Tensor vertex_numbers(const at::Tensor& points, int grid) {
  const at::Tensor steps = ((points / kGridSide + 0.5) * grid).round().to(at::kLong);
  return (steps.select(-1, 0) * (grid + 1) + steps.select(-1, 1)) * (grid + 1) + steps.select(-1, 2);
}

/// A field that is known at the vertices and cubes of one grid: distances [(grid + 1)^3], deformation
/// [(grid + 1)^3, 3] and weights by a cube's lowest vertex [(grid + 1)^3, 21], or undefined.
inline FunctionField grid_field(int grid, const at::Tensor& distances, const at::Tensor& deformation = {},
                                const at::Tensor& weights = {}) {
  FunctionField field(
      [=](const at::Tensor& p) { return distances.index_select(0, vertex_numbers(p, grid)); });
  if (deformation.defined()) {
    field.deform = [=](const at::Tensor& p) { return deformation.index_select(0, vertex_numbers(p, grid)); };
  }
  if (weights.defined()) {
    field.weigh = [=](const at::Tensor& corners) {
      return weights.index_select(0, vertex_numbers(corners.select(1, 0), grid));
    };
  }
  return field;
}

inline FunctionField::Function sphere(double radius, double x = 0, double y = 0, double z = 0) {
  return [=](const at::Tensor& p) {
    return (p - at::tensor({x, y, z}, at::kFloat)).square().sum(-1).sqrt() - radius;
  };
}

/// A ring round the z axis.
inline FunctionField::Function torus(double ring, double tube) {
  return [=](const at::Tensor& p) {
    const at::Tensor from_ring = p.slice(-1, 0, 2).square().sum(-1).sqrt() - ring;
    return (from_ring.square() + p.select(-1, 2).square()).sqrt() - tube;
  };
}

inline FunctionField::Function box(double half_x, double half_y, double half_z) {
  return [=](const at::Tensor& p) {
    return (p.abs() - at::tensor({half_x, half_y, half_z}, at::kFloat)).amax(-1);
  };
}

/// Waves in random directions, a few to the box.
inline FunctionField::Function random_waves(uint64_t seed) {
  at::manual_seed(seed);
  const at::Tensor directions = at::randn({3, 8}) * 4, phases = at::rand({8}) * 6.2832,
                   heights = at::randn({8});
  const double level = at::randn({1}).item<double>();
  return
      [=](const at::Tensor& p) { return ((p.matmul(directions) + phases).sin() * heights).sum(-1) + level; };
}

}  // namespace relievo
