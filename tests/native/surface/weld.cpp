// Surfaces as programs see them that make one of vertices at one place.
#include "surface/weld.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "base/vectors.h"
#include "fields.h"
#include "surface/clean_surface.h"
#include "surface/shape_loss.h"
#include "surface/surface.h"

namespace relievo {
namespace {

/// A tetrahedron over the edge at the origin, to one side.
void add_tetrahedron(Surface& surface, float way) {
  const auto first = static_cast<int32_t>(surface.vertices.size());
  const std::vector<Float3> corners{{0, 0, 0}, {0, 0, 1}, {way, 0, 0}, {way, way, 0.5f}};
  surface.vertices.insert(surface.vertices.end(), corners.begin(), corners.end());
  for (const Int3& f : {Int3{0, 2, 1}, Int3{0, 3, 2}, Int3{2, 3, 1}, Int3{1, 3, 0}}) {
    surface.faces.push_back({f[0] + first, f[1] + first, f[2] + first});
  }
}

/// Two solids that touch in an edge, whose ends are vertices of both.
Surface touching() {
  Surface surface;
  add_tetrahedron(surface, 1);
  add_tetrahedron(surface, -1);
  return surface;
}

bool has_twins(const Surface& surface) {
  const std::set<Float3> places(surface.vertices.begin(), surface.vertices.end());
  return places.size() < surface.vertices.size();
}

/// A fence: thin bars and two rails, one component with many holes.
FunctionField fence() {
  return FunctionField([](const at::Tensor& p) {
    const auto bar = [&](double y, double z, double half_y, double half_z) {
      return box(0.04, half_y, half_z)(p - at::tensor({0.0, y, z}).to(at::kFloat));
    };
    at::Tensor distance = at::minimum(bar(0, -0.5, 0.85, 0.035), bar(0, 0.5, 0.85, 0.035));
    for (int i = 0; i < 9; ++i) distance = at::minimum(distance, bar(0.2 * i - 0.8, 0, 0.035, 0.8));
    return distance;
  });
}

TEST(Weld, VerticesAtOnePlaceAreFound) {
  const std::vector<Float3> places{{1, 2, 3}, {0, 0, 0}, {1, 2, 3}, {-0.0f, 0, -0.0f}, {3, 2, 1}, {1, 2, 3}};
  EXPECT_EQ(first_at_place(places), (std::vector<int32_t>{0, 1, 0, 1, 4, 0}));
  EXPECT_TRUE(first_at_place({}).empty());
}

TEST(Weld, ASurfaceIsJudgedAsIfItsVerticesWereWelded) {
  const SurfaceReport report = inspect_surface(touching());
  EXPECT_FALSE(report.watertight);  // an edge of four faces
  EXPECT_FALSE(report.manifold);
  EXPECT_EQ(report.components, 1);
  EXPECT_EQ(report.euler, 6 - 11 + 8);
}

TEST(Weld, TwinsMoveApartIntoTheirOwnSolids) {
  Surface surface = touching();
  const double volume = inspect_surface(surface).volume;
  move_twins_apart(surface);
  EXPECT_FALSE(has_twins(surface));
  const SurfaceReport report = inspect_surface(surface);
  EXPECT_TRUE(report.watertight && report.manifold);
  EXPECT_EQ(report.components, 2);
  EXPECT_LT(report.volume, volume);
  EXPECT_NEAR(report.volume, volume, 0.01);
  constexpr float kExtent = 2;
  for (size_t v = 0; v < 2; ++v) {
    EXPECT_GT(length(minus(surface.vertices[v], surface.vertices[v + 4])), 1e-4f * kExtent);
  }
}

TEST(Weld, TwinsThatFaceTheSameWayAreToldApart) {
  Surface surface;
  for (int i = 0; i < 3; ++i) add_tetrahedron(surface, 1);
  move_twins_apart(surface);
  EXPECT_FALSE(has_twins(surface));
}

TEST(Weld, ASurfaceWithoutTwinsIsLeftAlone) {
  Surface surface;
  add_tetrahedron(surface, 1);
  surface.vertices.push_back(surface.vertices[0]);  // of no face
  const std::vector<Float3> before = surface.vertices;
  move_twins_apart(surface);
  EXPECT_EQ(surface.vertices, before);
}

TEST(Weld, CleaningLeavesNoTwins) {
  Surface surface = touching();
  for (Int3& face : surface.faces) {
    for (int32_t& v : face) v = v == 4 ? 0 : v == 5 ? 1 : v;
  }
  const Surface cleaned = clean_surface(surface, {.smallest_share = 0}, {});
  EXPECT_FALSE(has_twins(cleaned));
  EXPECT_TRUE(inspect_surface(cleaned).watertight);
}

TEST(Weld, SimplificationLeavesNoTwinsHoweverFewFaces) {
  const Surface whole = clean_surface(extract_surface(fence(), {.grid = 64}, {}), {}, {});
  ASSERT_EQ(inspect_surface(whole).components, 1);
  for (const int64_t faces : {20, 200, 800, 1600, 3200}) {
    SCOPED_TRACE(faces);
    const Surface simplified = simplify_surface(whole, faces, {});
    // It takes some hundred to show that there are bars.
    EXPECT_LE(std::ssize(simplified.faces), std::max<int64_t>(faces, 500));
    EXPECT_FALSE(has_twins(simplified));
    const SurfaceReport report = inspect_surface(simplified);
    EXPECT_TRUE(report.watertight && report.manifold);
    EXPECT_EQ(report.euler, inspect_surface(whole).euler);  // no bar is lost, no hole filled
    const ShapeLoss loss = shape_loss(whole, simplified);
    EXPECT_EQ(loss.components_after, 1);
    EXPECT_LT(loss.volume, 0.15);
    EXPECT_LT(loss.outline, 0.08);
  }
}

TEST(ShapeLoss, OfTheSameShapeIsNothing) {
  const Surface whole = clean_surface(extract_surface(fence(), {.grid = 48}, {}), {}, {});
  const ShapeLoss loss = shape_loss(whole, whole);
  EXPECT_EQ(loss.components_before, 1);
  EXPECT_EQ(loss.components_after, 1);
  EXPECT_EQ(loss.volume, 0);
  EXPECT_EQ(loss.outline, 0);
}

TEST(ShapeLoss, CountsWhatIsGone) {
  // Two cubes of side 0.5 beside each other; then one of them.
  const FunctionField both([](const at::Tensor& p) {
    const auto cube = [&](double y) {
      return box(0.25, 0.25, 0.25)(p - at::tensor({0.0, y, 0.0}).to(at::kFloat));
    };
    return at::minimum(cube(-0.5), cube(0.5));
  });
  const FunctionField one([](const at::Tensor& p) {
    return box(0.25, 0.25, 0.25)(p - at::tensor({0.0, 0.5, 0.0}).to(at::kFloat));
  });
  const ShapeLoss loss =
      shape_loss(extract_surface(both, {.grid = 64}, {}), extract_surface(one, {.grid = 64}, {}));
  EXPECT_EQ(loss.components_before, 2);
  EXPECT_EQ(loss.components_after, 1);
  EXPECT_NEAR(loss.volume, 0.5, 0.01);
  EXPECT_NEAR(loss.outline, 0.5, 0.02);  // from the front; from the side one hides the other
}

TEST(Debris, IsCountedAndHandedOut) {
  const FunctionField balls([](const at::Tensor& p) {
    at::Tensor distance = sphere(0.5)(p);
    for (const double y : {-0.8, 0.8}) {
      distance = at::minimum(distance, sphere(0.08)(p - at::tensor({0.0, y, 0.0}).to(at::kFloat)));
    }
    return distance;
  });
  const Surface whole = extract_surface(balls, {.grid = 48}, {});
  Debris debris;
  const Surface kept = clean_surface(whole, {.smallest_share = 0.1}, {}, &debris);
  EXPECT_EQ(debris.components, 3);
  EXPECT_EQ(debris.dropped, 2);
  EXPECT_EQ(inspect_surface(debris.surface).components, 2);
  EXPECT_EQ(kept.faces.size() + debris.surface.faces.size(), whole.faces.size());
  clean_surface(whole, {.smallest_share = 0}, {}, &debris);
  EXPECT_EQ(debris.components, 3);
  EXPECT_EQ(debris.dropped, 0);
}

}  // namespace
}  // namespace relievo
