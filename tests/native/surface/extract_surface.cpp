// Tests the way from a field to a surface: what is asked of the field, closing at the box, and refusals.
#include <cmath>
#include <limits>
#include <numeric>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/parallel.h"
#include "fields.h"
#include "surface/surface.h"

namespace relievo {
namespace {

constexpr int kGrid = 16;
constexpr double kHalf = kGridSide / 2;

Error error_of(const Field& field, const SurfaceSettings& settings = {.grid = kGrid},
               const Execution& execution = {}) {
  try {
    extract_surface(field, settings, execution);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(ErrorCode::kIo, "none");
}

/// A shape that is long along x, beyond the box at both ends.
FunctionField beam() { return FunctionField(box(2, 0.4, 0.5)); }

TEST(ExtractSurface, ClosesAShapeThatReachesTheBox) {
  const SurfaceReport report = inspect_surface(extract_surface(beam(), {.grid = kGrid}, {}));
  EXPECT_TRUE(report.watertight);
  EXPECT_TRUE(report.manifold);
  EXPECT_EQ(report.euler, 2);
}

TEST(ExtractSurface, LeavesItOpenOnRequest) {
  const SurfaceReport report =
      inspect_surface(extract_surface(beam(), {.grid = kGrid, .close_at_box = false}, {}));
  EXPECT_FALSE(report.watertight);
  EXPECT_EQ(report.euler, 0);
}

TEST(ExtractSurface, ClosingFaceIsFlatAndHalfACubeInsideTheGrid) {
  const Surface surface = extract_surface(beam(), {.grid = kGrid}, {});
  int on_the_face = 0;
  for (const Float3& v : surface.vertices) {
    if (std::abs(v[0]) < kHalf * (1 - 2.0 / kGrid)) continue;    // not in the outermost cubes
    if (std::abs(v[1]) > 0.3 || std::abs(v[2]) > 0.3) continue;  // the rim
    EXPECT_NEAR(std::abs(v[0]), kHalf * (1 - 1.0 / kGrid), 1e-6);
    ++on_the_face;
  }
  EXPECT_GT(on_the_face, 20);
}

TEST(ExtractSurface, ClosingLeavesAShapeInsideTheBoxAlone) {
  const FunctionField field(torus(0.6, 0.25));
  const Surface closed = extract_surface(field, {.grid = kGrid}, {});
  EXPECT_EQ(closed.vertices, extract_surface(field, {.grid = kGrid, .close_at_box = false}, {}).vertices);
}

// The distance is a whole number on the vertices of the grid, so many are exactly zero.
TEST(ExtractSurface, SurfaceThroughVerticesOfTheGridLooksOutward) {
  const FunctionField field(
      [](const at::Tensor& p) { return (p / kGridSide * kGrid).round().abs().sum(-1) - 4; });
  const SurfaceReport report = inspect_surface(extract_surface(field, {.grid = kGrid}, {}));
  EXPECT_TRUE(report.watertight);
  EXPECT_TRUE(report.manifold);
  EXPECT_GT(report.volume, 0.1);
}

TEST(ExtractSurface, AsksForDeformationAndWeightsOnlyAtTheSurface) {
  const FunctionField field(sphere(0.5));
  const Surface surface = extract_surface(field, {.grid = 32}, {});
  // One vertex a cube; a cube of a closed surface shares most corners with its neighbours.
  EXPECT_EQ(field.weighted_cubes, std::ssize(surface.vertices));
  EXPECT_GT(field.deformed_points, std::ssize(surface.vertices));
  EXPECT_LT(field.deformed_points, 3 * std::ssize(surface.vertices));
}

TEST(ExtractSurface, AsksForCornersInFlexiCubesOrder) {
  FunctionField field(sphere(0.5));
  field.weigh = [](const at::Tensor& corners) {
    const double step = kGridSide / kGrid;
    for (int64_t c = 0; c < 8; ++c) {
      const at::Tensor offset = at::tensor({c & 1, c >> 1 & 1, c >> 2 & 1}).to(at::kFloat) * step;
      EXPECT_TRUE(at::allclose(corners.select(1, c), corners.select(1, 0) + offset, 0, 1e-4)) << c;
    }
    return at::zeros({corners.size(0), 21});
  };
  extract_surface(field, {.grid = kGrid}, {});
  EXPECT_GT(field.weighted_cubes, 0);
}

TEST(ExtractSurface, ChunksFollowTheByteBudget) {
  const FunctionField field(sphere(0.5));
  Execution execution;
  execution.byte_budget = 40 << 20;
  extract_surface(field, {.grid = 32}, execution);
  EXPECT_LE(field.largest_chunk * 8192, execution.byte_budget);
  EXPECT_GT(field.largest_chunk * 8192, execution.byte_budget / 2);
}

TEST(ExtractSurface, ChunksDoNotChangeTheResult) {
  const at::Tensor distances = random_waves(5)(grid_vertices(kGrid));
  at::manual_seed(6);
  const FunctionField field =
      grid_field(kGrid, distances, (at::rand({distances.size(0), 3}) - 0.5) / (2 * kGrid),
                 at::randn({distances.size(0), 21}));
  Execution small;
  small.byte_budget = 1;
  const Surface one = extract_surface(field, {.grid = kGrid}, {}),
                many = extract_surface(field, {.grid = kGrid}, small);
  EXPECT_EQ(one.vertices, many.vertices);
  EXPECT_EQ(one.faces, many.faces);
}

TEST(ExtractSurface, ThreadsDoNotChangeTheResult) {
  const FunctionField field(random_waves(7));
  const int before = parallel_threads();
  set_parallel_threads(1);
  const Surface one = extract_surface(field, {.grid = 40}, {});
  for (const int threads : {2, 3, 8}) {
    set_parallel_threads(threads);
    const Surface many = extract_surface(field, {.grid = 40}, {});
    EXPECT_EQ(one.vertices, many.vertices) << threads << " threads";
    EXPECT_EQ(one.faces, many.faces) << threads << " threads";
  }
  set_parallel_threads(before);
}

TEST(ExtractSurface, AllInsideOrAllOutsideIsAnEmptySurface) {
  for (const double value : {-1.0, 0.0, 1.0}) {
    for (const bool close : {false, true}) {
      const FunctionField field(
          [=](const at::Tensor& p) { return at::full({p.size(0)}, value, at::kFloat); });
      const Error error = error_of(field, {.grid = kGrid, .close_at_box = close});
      EXPECT_EQ(error.code(), ErrorCode::kEmptySurface) << value;
      EXPECT_FALSE(error.hint().empty());
    }
  }
}

TEST(ExtractSurface, ShapeInTheOutermostLayerAloneIsAnEmptySurface) {
  const FunctionField field([](const at::Tensor& p) { return 1.04 - p.abs().amax(-1); });
  EXPECT_EQ(error_of(field).code(), ErrorCode::kEmptySurface);
}

TEST(ExtractSurface, ShapeInACornerOfTheOpenGridIsAnEmptySurface) {
  const FunctionField field(sphere(0.1, kHalf, kHalf, kHalf));
  EXPECT_EQ(error_of(field, {.grid = kGrid, .close_at_box = false}).code(), ErrorCode::kEmptySurface);
}

TEST(ExtractSurface, ValuesThatAreNotFiniteAreAnError) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto spoilt = [bad](at::Tensor values) {
      values.view({-1})[values.numel() / 2] = bad;
      return values;
    };
    const FunctionField distances([=](const at::Tensor& p) { return spoilt(sphere(0.5)(p)); });
    EXPECT_EQ(error_of(distances).code(), ErrorCode::kInternal);
    FunctionField deformation(sphere(0.5)), weights(sphere(0.5));
    deformation.deform = [=](const at::Tensor& p) { return spoilt(at::zeros_like(p)); };
    EXPECT_EQ(error_of(deformation).code(), ErrorCode::kInternal);
    weights.weigh = [=](const at::Tensor& corners) { return spoilt(at::zeros({corners.size(0), 21})); };
    EXPECT_EQ(error_of(weights).code(), ErrorCode::kInternal);
  }
}

TEST(ExtractSurface, LargeFiniteValuesAreNot) {
  const FunctionField field([](const at::Tensor& p) { return sphere(0.5)(p) * 1e38; });
  EXPECT_TRUE(inspect_surface(extract_surface(field, {.grid = kGrid}, {})).watertight);
}

TEST(ExtractSurface, GridOutOfRangeIsRefused) {
  for (const int grid : {-1, 0, 7, 1025}) {
    const Error error = error_of(FunctionField(sphere(0.5)), {.grid = grid});
    EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings) << grid;
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(ExtractSurface, SmallestGridIsMeshed) {
  EXPECT_TRUE(inspect_surface(extract_surface(FunctionField(sphere(0.6)), {.grid = 8}, {})).watertight);
}

/// A ball of density 20 in its middle that passes 10 at the radius.
FunctionField density_ball(double radius, double x = 0) {
  FunctionField field([=](const at::Tensor& p) { return 10 - 10 * sphere(radius, x)(p) / radius; });
  field.field_kind = FieldKind::kDensity;
  return field;
}

TEST(ExtractSurface, DensityBecomesAClosedBallThatLooksOutward) {
  const SurfaceReport report = inspect_surface(extract_surface(density_ball(0.7), {.grid = 64}, {}));
  EXPECT_TRUE(report.watertight);
  EXPECT_TRUE(report.manifold);
  EXPECT_EQ(report.euler, 2);
  EXPECT_NEAR(report.volume, 4.0 / 3 * M_PI * std::pow(0.7, 3), 0.01);
}

TEST(ExtractSurface, DensityThatReachesTheBoxIsClosedThereUnlessAskedNotTo) {
  const FunctionField field = density_ball(0.5, 0.8);
  EXPECT_TRUE(inspect_surface(extract_surface(field, {.grid = 32}, {})).watertight);
  EXPECT_FALSE(inspect_surface(extract_surface(field, {.grid = 32, .close_at_box = false}, {})).watertight);
}

TEST(ExtractSurface, DensityOnOneSideOfTheThresholdIsAnEmptySurface) {
  for (const double value : {1.0, 100.0}) {
    FunctionField field([=](const at::Tensor& p) { return at::full({p.size(0)}, value, at::kFloat); });
    field.field_kind = FieldKind::kDensity;
    const Error error = error_of(field);
    EXPECT_EQ(error.code(), ErrorCode::kEmptySurface) << value;
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(ExtractSurface, RandomDensitiesBecomeClosedManifolds) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    at::manual_seed(seed);
    const at::Tensor values = at::rand({kGrid * kGrid * kGrid}) * 20;
    FunctionField field([&](const at::Tensor& p) {
      const at::Tensor steps = ((p + 1) / 2 * (kGrid - 1)).round().to(at::kLong);
      return values.index_select(
          0, (steps.select(1, 0) * kGrid + steps.select(1, 1)) * kGrid + steps.select(1, 2));
    });
    field.field_kind = FieldKind::kDensity;
    const SurfaceReport report = inspect_surface(extract_surface(field, {.grid = kGrid}, {}));
    EXPECT_TRUE(report.watertight) << "seed " << seed;
    EXPECT_TRUE(report.manifold) << "seed " << seed;
  }
}

TEST(ExtractSurface, StopsWithinAChunkWhenCancelled) {
  Execution execution;
  execution.byte_budget = 1;
  int calls = 0;
  const FunctionField field([&](const at::Tensor& p) {
    if (++calls == 2) execution.control.cancel.cancel();
    return sphere(0.5)(p);
  });
  EXPECT_EQ(error_of(field, {.grid = kGrid}, execution).code(), ErrorCode::kCancelled);
  EXPECT_EQ(calls, 2);
}

TEST(ExtractSurface, ReportsProgressToTheEnd) {
  std::vector<double> fractions;
  Execution execution;
  execution.control.progress = Progress([&](double fraction) { fractions.push_back(fraction); });
  FunctionField field(sphere(0.5));
  field.deform = [](const at::Tensor& p) { return at::zeros_like(p); };
  extract_surface(field, {.grid = 64}, execution);
  ASSERT_GT(fractions.size(), 4u);
  EXPECT_LT(fractions.front(), 0.5);
  EXPECT_EQ(fractions.back(), 1);
}

TEST(Grid, IsThePublishedBox) {
  const at::Tensor vertices = grid_vertices(4);
  EXPECT_TRUE(at::allclose(vertices[0], at::full({3}, -1.05), 0, 1e-6));
  EXPECT_TRUE(at::allclose(vertices[-1], at::full({3}, 1.05), 0, 1e-6));
  // z fastest, x slowest.
  EXPECT_TRUE(at::allclose(vertices[1], at::tensor({-1.05, -1.05, -0.525}, at::kFloat), 0, 1e-6));
  EXPECT_TRUE(at::allclose(vertices[25], at::tensor({-0.525, -1.05, -1.05}, at::kFloat), 0, 1e-6));
}

}  // namespace
}  // namespace relievo
