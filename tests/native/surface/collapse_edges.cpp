#include "surface/collapse_edges.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/vectors.h"
#include "fields.h"
#include "surface/clean_surface.h"
#include "surface/surface.h"
#include "surface/weld.h"

namespace relievo {
namespace {

Surface of(const FunctionField::Function& distance, int grid = 48) {
  return clean_surface(extract_surface(FunctionField(distance), {.grid = grid}, {}), {.smallest_share = 0},
                       {});
}

/// A flat square of 2 * side * side faces.
Surface sheet(int side) {
  Surface surface;
  for (int y = 0; y <= side; ++y) {
    for (int x = 0; x <= side; ++x)
      surface.vertices.push_back({static_cast<float>(x), static_cast<float>(y), 0});
  }
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const int32_t a = y * (side + 1) + x, b = a + 1, c = a + side + 1, d = c + 1;
      surface.faces.push_back({a, b, d});
      surface.faces.push_back({a, d, c});
    }
  }
  return surface;
}

TEST(CollapseEdges, ARingStaysARingHoweverFewFacesAreAskedFor) {
  const Surface simplified = collapse_edges(of(torus(0.6, 0.25)), 4, {});
  EXPECT_LT(simplified.faces.size(), 60u);
  EXPECT_GE(simplified.faces.size(), 14u);  // Moebius 1886: a torus has no fewer
  const SurfaceReport report = inspect_surface(simplified);
  EXPECT_TRUE(report.watertight && report.manifold);
  EXPECT_EQ(report.euler, 0);
}

TEST(CollapseEdges, EveryComponentStays) {
  const Surface balls = of([](const at::Tensor& p) {
    at::Tensor distance = sphere(0.3)(p);
    for (const double y : {-0.8, -0.6, 0.6, 0.8}) {
      distance = at::minimum(distance, sphere(0.07, 0, y)(p));
    }
    return distance;
  });
  ASSERT_EQ(inspect_surface(balls).components, 5);
  const Surface simplified = collapse_edges(balls, 4, {});
  EXPECT_EQ(inspect_surface(simplified).components, 5);
  EXPECT_EQ(inspect_surface(simplified).euler, 10);
  EXPECT_LE(simplified.faces.size(), 100u);
}

TEST(CollapseEdges, ABorderStaysWhereItIs) {
  const Surface simplified = collapse_edges(sheet(20), 2, {});
  EXPECT_LE(simplified.faces.size(), 6u);
  double area = 0;
  for (const Int3& face : simplified.faces) area += length(area_normal(simplified, face)) / 2;
  EXPECT_NEAR(area, 400, 1);
}

TEST(CollapseEdges, AHoleStaysAHole) {
  Surface holed = sheet(20);
  std::erase_if(holed.faces, [&](const Int3& face) {
    const Float3& at = holed.vertices[face[0]];
    return at[0] >= 8 && at[0] < 12 && at[1] >= 8 && at[1] < 12;
  });
  const int euler = inspect_surface(holed).euler;
  const Surface simplified = collapse_edges(holed, 2, {});
  EXPECT_EQ(inspect_surface(simplified).euler, euler);
  EXPECT_LE(simplified.faces.size(), 30u);
}

TEST(CollapseEdges, NoVertexComesNearAnother) {
  // The two balls nearly touch.
  const Surface balls =
      of([](const at::Tensor& p) { return at::minimum(sphere(0.4, 0, -0.42)(p), sphere(0.4, 0, 0.42)(p)); });
  const Surface simplified = clean_surface(collapse_edges(balls, 60, {}), {.smallest_share = 0}, {});
  const double nearest = kNearestTwins * extent_of(simplified.vertices);
  for (size_t a = 0; a < simplified.vertices.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      ASSERT_GT(length(minus(simplified.vertices[a], simplified.vertices[b])), nearest);
    }
  }
}

TEST(CollapseEdges, StopsWhereItIsTold) {
  const Surface ball = of(sphere(0.6));
  std::vector<size_t> shown;
  const Surface simplified = collapse_edges(ball, 100, {}, [&](const Surface& reached) {
    shown.push_back(reached.faces.size());
    return reached.faces.size() > 1000;
  });
  ASSERT_GT(shown.size(), 2u);
  EXPECT_TRUE(std::ranges::is_sorted(shown, std::greater()));
  EXPECT_EQ(simplified.faces.size(), shown.back());
  EXPECT_LE(shown.back(), 1000u);
  EXPECT_GT(shown.back(), 700u);
}

TEST(CollapseEdges, StopsWhenCancelled) {
  const Control control;
  control.cancel.cancel();
  expect_error(ErrorCode::kCancelled, "", [&] { collapse_edges(of(sphere(0.6)), 100, control); });
}

}  // namespace
}  // namespace relievo
