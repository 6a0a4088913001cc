// The sparse extraction with its shared first layers gives the surface that evaluating every head at every
// point and cube gives.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "benchmarks/native/bench_field.h"
#include "surface/surface.h"

namespace relievo {
namespace {

// The rounding of a value, divided by the smallest slopes.
constexpr double kRounding = 5e-5;

void randomise(torch::nn::Module& module, double spread) {
  for (auto& parameter : module.parameters()) parameter.set_data(at::randn(parameter.sizes()) * spread);
}

void expect_same(const Surface& sparse, const Surface& dense) {
  ASSERT_GT(dense.faces.size(), 1000u);
  ASSERT_EQ(sparse.faces, dense.faces);
  double largest = 0;
  for (size_t v = 0; v < dense.vertices.size(); ++v) {
    for (int axis = 0; axis < 3; ++axis)
      largest = std::max<double>(largest, std::abs(sparse.vertices[v][axis] - dense.vertices[v][axis]));
  }
  EXPECT_LT(largest, kRounding);
}

/// Shares nothing between the points of a grid.
class DensityByPoints : public TriplaneDensityField {
 public:
  using TriplaneDensityField::TriplaneDensityField;
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t /*byte_budget*/) const override {
    return on_grid_by_points(line);
  }
};

class Sparse : public testing::TestWithParam<int64_t> {};
// Shared first layers in one chunk; the same in small chunks; tables that do not fit, so point by point.
INSTANTIATE_TEST_SUITE_P(ByteBudgets, Sparse, testing::Values(int64_t{1} << 40, int64_t{16} << 20, 1000));

TEST_P(Sparse, SignedDistanceGivesTheDenseSurfaceToRounding) {
  Execution execution;
  execution.byte_budget = GetParam();
  for (const RoundShape shape : {RoundShape::kEllipsoid, RoundShape::kShell}) {
    at::manual_seed(11);
    const auto heads = std::make_shared<MeshHeads>(6);
    randomise(*heads, 0.25);
    const ShapedMeshField field(at::randn({3, 6, 16, 16}), heads, shape);
    expect_same(extract_surface(field, {.grid = 28}, execution),
                extract_surface(DenseBenchField(field), {.grid = 28}, {}));
  }
}

TEST_P(Sparse, DensityGivesTheDenseSurfaceToRounding) {
  Execution execution;
  execution.byte_budget = GetParam();
  at::manual_seed(12);
  const auto heads = std::make_shared<DensityHeads>(6);
  randomise(*heads, 0.25);
  const at::Tensor planes = at::randn({3, 6, 16, 16});
  const TriplaneDensityField field(planes, heads);
  const double middle = field.values(at::rand({2000, 3}) * 2 - 1).median().item<double>();
  const SurfaceSettings settings{.grid = 28, .density_threshold = static_cast<float>(middle)};
  expect_same(extract_surface(field, settings, execution),
              extract_surface(DensityByPoints(planes, heads), settings, {}));
}

}  // namespace
}  // namespace relievo
