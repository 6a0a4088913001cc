// Marching cubes: a turned or mirrored grid gives the turned or mirrored surface. How a polygon inside a cube
// is cut into triangles may differ; its corners, and the vector of its area, which no cut changes, may not.
#include "surface/marching_cubes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "fields.h"
#include "surface/surface.h"

namespace relievo {
namespace {

constexpr int kSide = 20;

Surface mesh(const at::Tensor& values) { return marching_cubes(kSide, values.contiguous(), 0); }

at::Tensor vertices_of(const Surface& surface) {
  return at::from_blob(const_cast<Float3*>(surface.vertices.data()), {std::ssize(surface.vertices), 3});
}

/// The distance of the vertex in `a` that is farthest from all in `b`, and the other way around; the larger
/// of both.
double farthest(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor distances = at::cdist(a, b, 2, /*compute_mode=*/2);
  return std::max(distances.amin(0).max().item<double>(), distances.amin(1).max().item<double>());
}

/// [side - 1, side - 1, side - 1, 3] the sum of the area vectors of the faces in each cube.
at::Tensor areas_of(const Surface& surface) {
  constexpr int64_t kCubes = kSide - 1;
  const at::Tensor faces =
      at::from_blob(const_cast<Int3*>(surface.faces.data()), {std::ssize(surface.faces), 3}, at::kInt)
          .to(at::kLong);
  const at::Tensor corners =
      vertices_of(surface).index_select(0, faces.flatten()).view({-1, 3, 3}).to(at::kDouble);
  const at::Tensor a = corners.select(1, 0);
  const at::Tensor areas = at::cross(corners.select(1, 1) - a, corners.select(1, 2) - a, -1);
  const at::Tensor cubes = ((corners.mean(1) + 1) / 2 * kCubes).floor().to(at::kLong);
  const at::Tensor number = (cubes.select(1, 0) * kCubes + cubes.select(1, 1)) * kCubes + cubes.select(1, 2);
  return at::zeros({kCubes * kCubes * kCubes, 3}, at::kDouble)
      .index_add(0, number, areas)
      .view({kCubes, kCubes, kCubes, 3});
}

/// The permutation of the first three axes of a tensor.
using Turn = at::Tensor (*)(const at::Tensor&);

class MarchingTurns : public testing::TestWithParam<uint64_t> {
 protected:
  MarchingTurns() : values_(random_waves(GetParam())(grid_vertices(kSide - 1)).view({kSide, kSide, kSide})) {}

  /// Turned values give the surface with its axes in the given order, some reversed.
  void expect_turned(Turn turn, at::IntArrayRef axes, at::ArrayRef<float> signs) const {
    const Surface plain = mesh(values_), turned = mesh(turn(values_));
    ASSERT_GT(plain.vertices.size(), 500u);
    EXPECT_EQ(turned.vertices.size(), plain.vertices.size());
    EXPECT_EQ(turned.faces.size(), plain.faces.size());
    const at::Tensor order = at::tensor(axes), sign = at::tensor(signs);
    EXPECT_LT(farthest(vertices_of(turned), vertices_of(plain).index_select(1, order) * sign), 1e-6);
    const at::Tensor expected = turn(areas_of(plain)).index_select(3, order) * sign;
    EXPECT_LT((areas_of(turned) - expected).abs().max().item<double>(), 1e-7);
    EXPECT_EQ(inspect_surface(turned).euler, inspect_surface(plain).euler);
  }

  at::Tensor values_;
};

TEST_P(MarchingTurns, MirroredGridGivesTheMirroredSurface) {
  expect_turned([](const at::Tensor& t) { return t.flip(0); }, {0, 1, 2}, {-1, 1, 1});
  expect_turned([](const at::Tensor& t) { return t.flip(1); }, {0, 1, 2}, {1, -1, 1});
  expect_turned([](const at::Tensor& t) { return t.flip(2); }, {0, 1, 2}, {1, 1, -1});
}

TEST_P(MarchingTurns, GridAfterAQuarterTurnGivesTheTurnedSurface) {
  // About z: what was at (x, y) is now at (-y, x). Then about x.
  expect_turned([](const at::Tensor& t) { return t.transpose(0, 1).flip(0); }, {1, 0, 2}, {-1, 1, 1});
  expect_turned([](const at::Tensor& t) { return t.transpose(1, 2).flip(1); }, {0, 2, 1}, {1, -1, 1});
}

INSTANTIATE_TEST_SUITE_P(MarchingCubes, MarchingTurns, testing::Values(1, 2, 3, 4));

}  // namespace
}  // namespace relievo
