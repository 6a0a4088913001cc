// The extraction itself: what its meshes are like, whatever the field.
#include "surface/flexicubes.h"

#include <cmath>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "fields.h"
#include "surface/surface.h"

namespace relievo {
namespace {

constexpr int kGrid = 16;

int64_t vertex_count(int grid) { return int64_t{grid + 1} * (grid + 1) * (grid + 1); }

at::Tensor random_deformation(int grid) { return (at::rand({vertex_count(grid), 3}) - 0.5) / (2 * grid); }

at::Tensor random_cube_weights(int grid) { return at::randn({vertex_count(grid), kCubeWeights}); }

void expect_closed_manifold(const Surface& surface, uint64_t seed) {
  const SurfaceReport report = inspect_surface(surface);
  EXPECT_TRUE(report.watertight) << "seed " << seed;
  EXPECT_TRUE(report.manifold) << "seed " << seed;
  EXPECT_GT(report.volume, 0) << "seed " << seed;
}

TEST(FlexiCubes, SmoothFieldsBecomeClosedManifoldsWhateverTheWeights) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const at::Tensor distances = random_waves(seed)(grid_vertices(kGrid));
    const FunctionField field =
        grid_field(kGrid, distances, random_deformation(kGrid), random_cube_weights(kGrid));
    expect_closed_manifold(extract_surface(field, {.grid = kGrid}, {}), seed);
  }
}

// Every case, next to every other, and many ambiguous pairs.
TEST(FlexiCubes, NoiseBecomesAClosedManifold) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    at::manual_seed(seed);
    const FunctionField field = grid_field(kGrid, at::randn({vertex_count(kGrid)}));
    const SurfaceReport report = inspect_surface(extract_surface(field, {.grid = kGrid}, {}));
    EXPECT_TRUE(report.watertight) << "seed " << seed;
    EXPECT_TRUE(report.manifold) << "seed " << seed;
  }
}

TEST(FlexiCubes, SphereHasGenusZeroAndItsVolume) {
  const double radius = 0.7;
  const Surface surface = extract_surface(FunctionField(sphere(radius)), {.grid = 64}, {});
  const SurfaceReport report = inspect_surface(surface);
  EXPECT_EQ(report.euler, 2);
  EXPECT_EQ(report.components, 1);
  EXPECT_NEAR(report.volume, 4.0 / 3 * M_PI * std::pow(radius, 3), 0.01);
}

TEST(FlexiCubes, TorusHasAHole) {
  const Surface surface = extract_surface(FunctionField(torus(0.6, 0.25)), {.grid = 48}, {});
  EXPECT_EQ(inspect_surface(surface).euler, 0);
}

TEST(FlexiCubes, TwoSpheresAreTwoComponents) {
  const FunctionField field([](const at::Tensor& p) {
    return at::minimum(sphere(0.3, -0.5, 0, 0)(p), sphere(0.3, 0.5, 0.1, 0.2)(p));
  });
  const SurfaceReport report = inspect_surface(extract_surface(field, {.grid = 32}, {}));
  EXPECT_EQ(report.components, 2);
  EXPECT_EQ(report.euler, 4);
}

TEST(FlexiCubes, FacesOfASphereLookOutward) {
  const Surface surface = extract_surface(FunctionField(sphere(0.8)), {.grid = kGrid}, {});
  for (const Int3& face : surface.faces) {
    const auto row = [&](int corner) {
      return at::tensor(at::ArrayRef<float>(surface.vertices[face[corner]].data(), 3));
    };
    const at::Tensor a = row(0), b = row(1), c = row(2);
    EXPECT_GT((b - a).cross(c - a, 0).dot(a + b + c).item<float>(), 0);
  }
}

// A box between the planes of the grid: every dual vertex lies on it, so its sides stay flat.
TEST(FlexiCubes, SidesOfABoxAreFlat) {
  const double half = 0.55;
  const Surface surface = extract_surface(FunctionField(box(half, half, half)), {.grid = kGrid}, {});
  const double cube = kGridSide / kGrid;
  for (const Float3& v : surface.vertices) {
    std::array<double, 3> size{std::abs(v[0]), std::abs(v[1]), std::abs(v[2])};
    std::sort(size.begin(), size.end());
    // Vertices that are not in the outermost ring of a side.
    if (size[1] < half - cube) {
      EXPECT_NEAR(size[2], half, 1e-6);
    }
  }
}

// The surface moves with its grid: x' = x + shift.
TEST(FlexiCubes, DeformationMovesTheSurface) {
  const float shift = 0.01f;
  FunctionField field(sphere(0.7));
  const Surface still = extract_surface(field, {.grid = kGrid}, {});
  field.deform = [&](const at::Tensor& p) { return at::tensor({shift, 0.0f, 0.0f}).expand_as(p); };
  const Surface moved = extract_surface(field, {.grid = kGrid}, {});
  ASSERT_EQ(still.vertices.size(), moved.vertices.size());
  for (size_t i = 0; i < still.vertices.size(); ++i) {
    EXPECT_NEAR(moved.vertices[i][0], still.vertices[i][0] + shift, 1e-6);
    EXPECT_NEAR(moved.vertices[i][1], still.vertices[i][1], 1e-6);
  }
}

/// Everything that the core gives for dense distances and weights.
struct Extracted {
  Extracted(int grid, const at::Tensor& dense, const at::Tensor& dense_weights = {})
      : cubes(find_surface_cubes(grid, dense)) {
    const at::Tensor points = cubes.points.to(at::kLong);
    input = {.distances = dense.index_select(0, points), .positions = grid_positions(grid, points)};
    if (dense_weights.defined()) input.weights = dense_weights.index_select(0, cubes.cubes);
    vertices = dual_vertices(cubes, input);
  }

  Float3 vertex(int64_t number) const {
    const at::Tensor v = vertices.positions[number];
    return {v[0].item<float>(), v[1].item<float>(), v[2].item<float>()};
  }
  std::vector<float> deviations() const {
    const at::Tensor values = edge_deviations(cubes, input, vertices);
    return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel()};
  }

  SurfaceCubes cubes;
  FlexiCubesInput input;
  DualVertices vertices;
};

/// [F, 6] the centre and the area vector of each face.
at::Tensor faces_of(const Surface& surface) {
  const at::Tensor vertices =
      at::from_blob(const_cast<Float3*>(surface.vertices.data()), {std::ssize(surface.vertices), 3});
  const at::Tensor faces =
      at::from_blob(const_cast<Int3*>(surface.faces.data()), {std::ssize(surface.faces), 3}, at::kInt)
          .to(at::kLong);
  const at::Tensor corners = vertices.index_select(0, faces.flatten()).view({-1, 3, 3});
  const at::Tensor a = corners.select(1, 0), b = corners.select(1, 1), c = corners.select(1, 2);
  return at::cat({corners.mean(1), at::cross(b - a, c - a, -1) * 100}, -1);
}

/// The distance of the face in `a` that is farthest from all in `b`, and the other way around; the larger of
/// both.
double farthest(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor distances = at::cdist(a, b, 2, /*compute_mode=*/2);
  return std::max(distances.amin(0).max().item<double>(), distances.amin(1).max().item<double>());
}

class Symmetric : public testing::TestWithParam<uint64_t> {
 protected:
  Symmetric()
      : field_(random_waves(GetParam())(grid_vertices(kGrid)).view({kGrid + 1, kGrid + 1, kGrid + 1})) {}

  static at::Tensor mesh(const at::Tensor& field) {
    const Extracted extracted(kGrid, field.contiguous().flatten());
    return faces_of(flexicubes(extracted.cubes, extracted.input, extracted.vertices, Triangulation::kFour));
  }
  /// The mesh with its axes in the given order, some reversed.
  static at::Tensor turned(const at::Tensor& mesh, at::IntArrayRef axes, at::ArrayRef<float> signs) {
    const at::Tensor order = at::tensor(axes), sign = at::tensor(signs);
    return at::cat(
        {mesh.slice(1, 0, 3).index_select(1, order) * sign, mesh.slice(1, 3).index_select(1, order) * sign},
        1);
  }

  at::Tensor field_;
};

TEST_P(Symmetric, MirroredFieldGivesTheMirroredMesh) {
  EXPECT_LT(farthest(mesh(field_.flip(0)), turned(mesh(field_), {0, 1, 2}, {-1, 1, 1})), 2e-4);
  EXPECT_LT(farthest(mesh(field_.flip(1)), turned(mesh(field_), {0, 1, 2}, {1, -1, 1})), 2e-4);
  EXPECT_LT(farthest(mesh(field_.flip(2)), turned(mesh(field_), {0, 1, 2}, {1, 1, -1})), 2e-4);
}

TEST_P(Symmetric, FieldAfterAQuarterTurnGivesTheTurnedMesh) {
  // About z: what was at (x, y) is now at (-y, x).
  EXPECT_LT(farthest(mesh(field_.transpose(0, 1).flip(0)), turned(mesh(field_), {1, 0, 2}, {-1, 1, 1})),
            2e-4);
  // About x.
  EXPECT_LT(farthest(mesh(field_.transpose(1, 2).flip(1)), turned(mesh(field_), {0, 2, 1}, {1, -1, 1})),
            2e-4);
}

INSTANTIATE_TEST_SUITE_P(FlexiCubes, Symmetric, testing::Values(1, 2, 3));

TEST(FlexiCubes, QuadIsCutAlongTheDiagonalOfLargerGammas) {
  // One vertex inside: a small octahedron-like cube of 8 dual vertices round it, one a grid cube.
  const int grid = 2;
  at::Tensor distances = at::ones({27});
  distances[13] = -1;
  at::Tensor weights = at::zeros({8, kCubeWeights});
  // Cubes 0, 3, 5, 6: no two of them share a face, so each of the six quads has one diagonal between such.
  for (const int cube : {0, 3, 5, 6}) weights[cube][kCubeWeights - 1] = 2;
  const auto cuts_between = [&](const at::Tensor& w) {
    const Extracted extracted(grid, distances, w);
    const Surface surface = flexicubes(extracted.cubes, extracted.input, extracted.vertices);
    std::array<int, 8> faces_at{};
    for (const Int3& face : surface.faces) {
      for (const int32_t v : face) ++faces_at[v];
    }
    return faces_at;
  };
  // The vertices that a diagonal joins belong to six faces each, the other two vertices to three.
  EXPECT_EQ(cuts_between(weights), (std::array<int, 8>{6, 3, 3, 6, 3, 6, 6, 3}));
  EXPECT_EQ(cuts_between(-weights), (std::array<int, 8>{3, 6, 6, 3, 6, 3, 3, 6}));
}

TEST(FlexiCubes, BetaPullsTheVertexTowardsACrossing) {
  const int grid = 1;
  const at::Tensor distances = at::tensor({-1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f});
  at::Tensor weights = at::zeros({1, kCubeWeights});
  // Half way along the three edges from the corner inside.
  const Float3 even = Extracted(grid, distances, weights).vertex(0);
  EXPECT_NEAR(even[0], -1.05 + 1.05 / 3, 1e-6);
  weights[0][0] = 100;  // beta 1.5 on the edge along x
  const Float3 pulled = Extracted(grid, distances, weights).vertex(0);
  EXPECT_NEAR(pulled[0], -1.05 + 1.05 * 1.5 / 3.5, 1e-6);
  EXPECT_NEAR(pulled[1], -1.05 + 1.05 / 3.5, 1e-6);
}

TEST(FlexiCubes, AlphaMovesTheCrossingsAwayFromItsCorner) {
  const int grid = 1;
  const at::Tensor distances = at::tensor({-1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f});
  at::Tensor weights = at::zeros({1, kCubeWeights});
  weights[0][kernels::kCubeEdges] = 100;  // alpha 1.5 at the corner inside
  const Float3 vertex = Extracted(grid, distances, weights).vertex(0);
  EXPECT_NEAR(vertex[2], -1.05 + 2.1 * (1.5 / 2.5) / 3, 1e-6);
}

TEST(FlexiCubes, CrossingsAtEqualDistanceDoNotDeviate) {
  const at::Tensor distances = at::tensor({-1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f});
  const Extracted extracted(1, distances);
  const std::vector<float> deviations = extracted.deviations();
  ASSERT_EQ(deviations.size(), 3u);
  for (const float deviation : deviations) EXPECT_NEAR(deviation, 0, 1e-6);
}

// Crossings at 1, 1 and 2 thirds of the edges.
TEST(FlexiCubes, DeviationIsMeasuredFromTheMean) {
  const at::Tensor distances = at::tensor({-1.0f, 0.5f, 2.0f, 1.0f, 2.0f, 1.0f, 1.0f, 1.0f});  // z fastest
  const Extracted extracted(1, distances);
  const double third = 2.1 / 3;
  const double near = std::sqrt(4.0 + 1 + 4) / 3 * third, far = std::sqrt(1.0 + 1 + 16) / 3 * third;
  const double mean = (2 * near + far) / 3;
  const std::vector<float> deviations = extracted.deviations();
  ASSERT_EQ(deviations.size(), 3u);
  // Edges 0 (x), 3 (z) and 8 (y).
  EXPECT_NEAR(deviations[0], std::abs(near - mean), 1e-6);
  EXPECT_NEAR(deviations[1], std::abs(far - mean), 1e-6);
  EXPECT_NEAR(deviations[2], std::abs(near - mean), 1e-6);
}

}  // namespace
}  // namespace relievo
