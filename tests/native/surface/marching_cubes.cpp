// Marching cubes: a turned or mirrored grid gives the turned or mirrored surface. How a polygon inside a cube is
// cut into triangles may differ; its corners, their joining and what they enclose may not.
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

/// How far the vertex in `a` that is farthest from all in `b` is from the next, and the other way round.
double farthest(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor distances = at::cdist(a, b, 2, /*compute_mode=*/2);
  return std::max(distances.amin(0).max().item<double>(), distances.amin(1).max().item<double>());
}

/// `turned` is `plain` with its axes in the given order, some reversed.
void expect_turned(const Surface& turned, const Surface& plain, at::IntArrayRef axes,
                   at::ArrayRef<float> signs) {
  ASSERT_GT(plain.vertices.size(), 500u);
  EXPECT_EQ(turned.vertices.size(), plain.vertices.size());
  EXPECT_EQ(turned.faces.size(), plain.faces.size());
  const at::Tensor expected = vertices_of(plain).index_select(1, at::tensor(axes)) * at::tensor(signs);
  EXPECT_LT(farthest(vertices_of(turned), expected), 1e-6);
  const SurfaceReport is = inspect_surface(turned), was = inspect_surface(plain);
  EXPECT_EQ(is.euler, was.euler);
  EXPECT_EQ(is.components, was.components);
  EXPECT_NEAR(is.volume, was.volume, 2e-3 * std::abs(was.volume));
  EXPECT_NEAR(is.area, was.area, 5e-3 * was.area);
}

class MarchingTurns : public testing::TestWithParam<uint64_t> {
 protected:
  /// Waves, outside at the border so that the surface is closed.
  MarchingTurns() {
    const at::Tensor points = grid_vertices(kSide - 1);
    const at::Tensor at_border = points.abs().amax(-1) > kGridSide / 2 * (1 - 1.0 / kSide);
    values_ = at::where(at_border, -1, random_waves(GetParam())(points)).view({kSide, kSide, kSide});
  }

  at::Tensor values_;
};

TEST_P(MarchingTurns, MirroredGridGivesTheMirroredSurface) {
  const Surface plain = mesh(values_);
  expect_turned(mesh(values_.flip(0)), plain, {0, 1, 2}, {-1, 1, 1});
  expect_turned(mesh(values_.flip(1)), plain, {0, 1, 2}, {1, -1, 1});
  expect_turned(mesh(values_.flip(2)), plain, {0, 1, 2}, {1, 1, -1});
}

TEST_P(MarchingTurns, GridAfterAQuarterTurnGivesTheTurnedSurface) {
  const Surface plain = mesh(values_);
  // About z: what was at (x, y) is now at (-y, x). Then about x.
  expect_turned(mesh(values_.transpose(0, 1).flip(0)), plain, {1, 0, 2}, {-1, 1, 1});
  expect_turned(mesh(values_.transpose(1, 2).flip(1)), plain, {0, 2, 1}, {1, -1, 1});
}

INSTANTIATE_TEST_SUITE_P(MarchingCubes, MarchingTurns, testing::Values(1, 2, 3, 4));

}  // namespace
}  // namespace relievo
