// The surface of TripoSR's field, where its density is known.
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "reconstruct/triplane_field.h"
#include "surface/surface.h"

namespace relievo {
namespace {

/// A head that adds up the three planes' only channel: SiLU is not linear, but silu(x) - silu(-x) = x.
std::shared_ptr<DensityHeads> adding_head() {
  auto head = std::make_shared<DensityHeads>(DensityHeadConfig{DensityModel::kTripoSr, 1, 2, 1});
  auto parameters = head->named_parameters();
  const auto set = [&](const char* name, const at::Tensor& values) { parameters[name].set_data(values); };
  set("layers.0.weight", at::tensor({1.0f, 1.0f, 1.0f, -1.0f, -1.0f, -1.0f}).view({2, 3}));
  set("layers.0.bias", at::zeros({2}));
  set("layers.2.weight", at::tensor({1.0f, -1.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f}).view({4, 2}));
  set("layers.2.bias", at::zeros({4}));
  return head;
}

// log(density) = f(x, y) + f(x, z) + f(y, z) - 1 with f(a, b) = c - 2 (a^2 + b^2): a ball about the origin.
TEST(TripoSrSurface, IsWhereTheDensityPassesTwentyFive) {
  const int64_t side = 64;
  const at::Tensor centres = (at::arange(side) + 0.5) / (side / 2.0) - 1;
  const double radius = 0.6, at_surface = std::log(25.0) + 1;
  const at::Tensor f = at_surface / 3 + 2 * (2.0 / 3 * radius * radius) -
                       2 * (centres.square().unsqueeze(1) + centres.square().unsqueeze(0));
  const TriplaneDensityField field(f.to(at::kFloat).expand({3, 1, side, side}).contiguous(), adding_head());
  const Surface surface = extract_surface(field, {.grid = 96}, {});
  for (const Float3& v : surface.vertices) {
    EXPECT_NEAR(std::hypot(v[0], v[1], v[2]), radius, 0.01);
  }
  const SurfaceReport report = inspect_surface(surface);
  EXPECT_TRUE(report.watertight && report.manifold);
  EXPECT_NEAR(report.volume, 4.0 / 3 * std::numbers::pi * radius * radius * radius, 0.02);
}

}  // namespace
}  // namespace relievo
