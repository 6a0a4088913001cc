// The dense way answers what a field answers point by point.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "benchmarks/native/bench_field.h"
#include "surface/grid.h"

namespace relievo {
namespace {

void expect_close(const at::Tensor& ours, const at::Tensor& theirs) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  EXPECT_GT(theirs.abs().max().item<double>(), 0);
  EXPECT_LT((ours - theirs).abs().max().item<double>(), 1e-5 * (1 + theirs.abs().max().item<double>()));
}

TEST(DenseBenchField, AgreesWithPointByPoint) {
  constexpr int kGrid = 11;
  at::manual_seed(4);
  const auto heads = std::make_shared<MeshHeads>(7);
  for (auto& parameter : heads->parameters()) parameter.set_data(at::randn(parameter.sizes()) * 0.3);
  const DenseBenchField field(at::randn({3, 7, 9, 9}), heads, RoundShape::kEllipsoid);
  const at::Tensor line = grid_line(kGrid);
  const auto dense = field.on_grid(line, 1), by_points = field.on_grid_by_points(line);
  expect_close(dense->values(100, 777), by_points->values(100, 777));
  const at::Tensor some = at::randperm((kGrid + 1) * (kGrid + 1) * (kGrid + 1)).slice(0, 0, 200);
  expect_close(dense->deformation(some), by_points->deformation(some));
  const at::Tensor corners =
      grid_cubes(kGrid).index_select(0, at::randperm(kGrid * kGrid * kGrid).slice(0, 0, 50));
  expect_close(dense->cube_weights(corners), by_points->cube_weights(corners));
}

}  // namespace
}  // namespace relievo
