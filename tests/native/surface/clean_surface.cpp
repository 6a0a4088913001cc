// What cleaning and simplification do to a mesh.
#include "surface/clean_surface.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/error.h"
#include "fields.h"
#include "surface/surface.h"

namespace relievo {
namespace {

Surface ball(double radius, double x = 0, int grid = 24) {
  return extract_surface(FunctionField(sphere(radius, x)), {.grid = grid}, {});
}

Surface both(Surface a, const Surface& b) {
  const auto offset = static_cast<int32_t>(a.vertices.size());
  a.vertices.insert(a.vertices.end(), b.vertices.begin(), b.vertices.end());
  for (const Int3& f : b.faces) a.faces.push_back({f[0] + offset, f[1] + offset, f[2] + offset});
  return a;
}

/// A tetrahedron over the edge or vertex at the origin.
Surface tetrahedron(float way) {
  return {{{0, 0, 0}, {0, 0, 1}, {way, 0, 0}, {way, way, 0.5f}},
          {{0, 1, 2}, {0, 2, 3}, {2, 1, 3}, {1, 0, 3}}};
}

void expect_sound(const Surface& surface) {
  const SurfaceReport report = inspect_surface(surface);
  EXPECT_TRUE(report.watertight);
  EXPECT_TRUE(report.manifold);
  EXPECT_GT(report.volume, 0);
}

TEST(CleanSurface, SoundSurfaceIsLeftAlone) {
  const Surface whole = ball(0.7);
  const Surface cleaned = clean_surface(whole, {}, {});
  EXPECT_EQ(cleaned.vertices, whole.vertices);
  EXPECT_EQ(cleaned.faces, whole.faces);
}

TEST(CleanSurface, DebrisIsRemovedByItsShareOfTheArea) {
  const Surface surface = both(ball(0.5, -0.4), ball(0.1, 0.7));  // a share of 1/26
  EXPECT_EQ(inspect_surface(clean_surface(surface, {.smallest_share = 0.1}, {})).components, 1);
  EXPECT_EQ(inspect_surface(clean_surface(surface, {.smallest_share = 0.01}, {})).components, 2);
  EXPECT_EQ(inspect_surface(clean_surface(surface, {.smallest_share = 0}, {})).components, 2);
}

TEST(CleanSurface, TheLargestPieceStaysWhateverTheShare) {
  EXPECT_FALSE(clean_surface(ball(0.5), {.smallest_share = 5}, {}).faces.empty());
}

TEST(CleanSurface, AnEdgeOfFourFacesIsSplit) {
  Surface surface = both(tetrahedron(1), tetrahedron(-1));
  for (Int3& face : surface.faces) {
    for (int32_t& v : face) v = v == 4 ? 0 : v == 5 ? 1 : v;
  }
  ASSERT_FALSE(inspect_surface(surface).manifold);
  expect_sound(clean_surface(surface, {.smallest_share = 0}, {}));
}

TEST(CleanSurface, AVertexOfTwoFansIsSplit) {
  Surface surface = both(tetrahedron(1), tetrahedron(-1));
  for (Int3& face : surface.faces) std::ranges::replace(face, 4, 0);
  ASSERT_FALSE(inspect_surface(surface).manifold);
  expect_sound(clean_surface(surface, {.smallest_share = 0}, {}));
}

TEST(CleanSurface, FacesWithoutExtentAreDroppedAndItStaysClosed) {
  Surface surface = ball(0.6);
  const Int3 face = surface.faces.front();  // pull one corner onto the next
  surface.vertices[face[0]] = surface.vertices[face[1]];
  const Surface cleaned = clean_surface(surface, {}, {});
  EXPECT_EQ(cleaned.faces.size(), surface.faces.size() - 2);
  expect_sound(cleaned);
}

TEST(CleanSurface, FacesAreTurnedTheSameWayAndOutward) {
  Surface surface = ball(0.6);
  for (size_t f = 0; f < surface.faces.size(); f += 3) std::swap(surface.faces[f][0], surface.faces[f][1]);
  expect_sound(clean_surface(surface, {}, {}));
  for (Int3& face : surface.faces) std::swap(face[0], face[1]);
  expect_sound(clean_surface(surface, {}, {}));
}

TEST(CleanSurface, WithoutFacesItIsAnEmptySurface) {
  try {
    clean_surface({}, {}, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kEmptySurface);
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(CleanSurface, OneTriangleStays) {
  const Surface one{{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}}, {{0, 1, 2}}};
  EXPECT_EQ(clean_surface(one, {}, {}).faces.size(), 1u);
}

TEST(CleanSurface, CoordinatesThatAreNotFiniteAreAnError) {
  Surface surface = ball(0.6);
  surface.vertices[3][1] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(clean_surface(surface, {}, {}), Error);
}

TEST(SimplifySurface, ReachesTheNumberOfFacesAndStaysSound) {
  const Surface surface = extract_surface(FunctionField(torus(0.6, 0.25)), {.grid = 48}, {});
  const Surface simplified = simplify_surface(surface, 1000, {});
  EXPECT_LE(simplified.faces.size(), 1000u);
  EXPECT_GT(simplified.faces.size(), 900u);
  expect_sound(simplified);
  EXPECT_EQ(inspect_surface(simplified).euler, 0);
  EXPECT_NEAR(inspect_surface(simplified).volume, inspect_surface(surface).volume, 0.02);
}

TEST(SimplifySurface, RandomFieldsStaySound) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Surface surface = extract_surface(FunctionField(random_waves(seed)), {.grid = 24}, {});
    expect_sound(simplify_surface(surface, std::ssize(surface.faces) / 4, {}));
  }
}

TEST(SimplifySurface, AThinRodAndTheOutlineSurvive) {
  const FunctionField field(
      [](const at::Tensor& p) { return at::minimum(sphere(0.5)(p), box(0.06, 0.06, 0.95)(p)); });
  const Surface simplified = simplify_surface(extract_surface(field, {.grid = 64}, {}), 800, {});
  float top = 0, bottom = 0, right = 0;
  for (const Float3& v : simplified.vertices) {
    top = std::max(top, v[2]);
    bottom = std::min(bottom, v[2]);
    right = std::max(right, v[0]);
  }
  EXPECT_NEAR(top, 0.95, 0.02);
  EXPECT_NEAR(bottom, -0.95, 0.02);
  EXPECT_NEAR(right, 0.5, 0.02);
  expect_sound(simplified);
}

TEST(SimplifySurface, LessThanATetrahedronIsRefused) {
  EXPECT_THROW(simplify_surface(ball(0.5), 3, {}), Error);
}

}  // namespace
}  // namespace relievo
