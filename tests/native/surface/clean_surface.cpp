// Tests what cleaning and simplification do to a mesh.
#include "surface/clean_surface.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
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

TEST(CleanSurface, TheLargestComponentStaysWhateverTheShare) {
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

/// The lowest height of a face.
double lowest_height(const Surface& surface) {
  double lowest = std::numeric_limits<double>::max();
  for (const Int3& face : surface.faces) {
    double longest = 0;
    std::array<std::array<double, 3>, 3> side{};
    for (int k = 0; k < 3; ++k) {
      for (int axis = 0; axis < 3; ++axis)
        side[k][axis] = double{surface.vertices[face[(k + 1) % 3]][axis]} - surface.vertices[face[k]][axis];
      longest = std::max(longest, std::hypot(side[k][0], side[k][1], side[k][2]));
    }
    const auto &u = side[0], &v = side[1];
    const double area =
        std::hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]);
    lowest = std::min(lowest, area / longest);
  }
  return lowest;
}

TEST(CleanSurface, FacesOnALineAreDroppedAndItStaysClosed) {
  Surface surface = ball(0.6);
  const SurfaceReport before = inspect_surface(surface);
  for (const size_t f : {size_t{0}, surface.faces.size() / 2}) {  // lay one corner onto the opposite side
    const Int3 face = surface.faces[f];
    for (int axis = 0; axis < 3; ++axis) {
      surface.vertices[face[0]][axis] =
          (surface.vertices[face[1]][axis] + surface.vertices[face[2]][axis]) / 2;
    }
  }
  ASSERT_LT(lowest_height(surface), 1e-7);
  const Surface cleaned = clean_surface(surface, {}, {});
  EXPECT_GT(lowest_height(cleaned), 1e-4);
  expect_sound(cleaned);
  EXPECT_EQ(inspect_surface(cleaned).euler, before.euler);
  EXPECT_NEAR(inspect_surface(cleaned).volume, inspect_surface(surface).volume, 1e-6);
}

TEST(CleanSurface, EachComponentIsTurnedOutwardByItself) {
  Surface small = ball(0.2, 0.7);
  const double volume = inspect_surface(small).volume;
  for (Int3& face : small.faces) std::swap(face[0], face[1]);
  const Surface large = ball(0.4, -0.4);
  const Surface cleaned = clean_surface(both(large, small), {.smallest_share = 0}, {});
  EXPECT_NEAR(inspect_surface(cleaned).volume, inspect_surface(large).volume + volume, 1e-6);
}

TEST(CleanSurface, ACavityLooksIntoItself) {
  Surface hollow = ball(0.3);
  const double volume = inspect_surface(ball(0.8)).volume - inspect_surface(hollow).volume;
  for (Int3& face : hollow.faces) std::swap(face[0], face[1]);
  Surface surface = both(ball(0.8), hollow);
  EXPECT_NEAR(inspect_surface(clean_surface(surface, {.smallest_share = 0}, {})).volume, volume, 1e-5);
  for (Int3& face : surface.faces) std::swap(face[0], face[1]);
  EXPECT_NEAR(inspect_surface(clean_surface(surface, {.smallest_share = 0}, {})).volume, volume, 1e-5);
}

// Vertices of a closed surface named by one another's numbers: edges of many faces, fans that touch, faces
// that name a vertex twice.
TEST(CleanSurface, WhateverIsGluedTogetherComesApartClosed) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    at::manual_seed(seed);
    Surface surface = both(ball(0.5, -0.3, 10), ball(0.4, 0.3, 10));
    const at::Tensor pairs = at::randint(std::ssize(surface.vertices), {12, 2}, at::kInt);
    const auto pair = pairs.accessor<int32_t, 2>();
    for (int p = 0; p < 12; ++p) {
      for (Int3& face : surface.faces) std::ranges::replace(face, pair[p][0], pair[p][1]);
    }
    ASSERT_FALSE(inspect_surface(surface).manifold);
    const SurfaceReport report = inspect_surface(clean_surface(surface, {.smallest_share = 0}, {}));
    EXPECT_TRUE(report.watertight) << "seed " << seed;
    EXPECT_TRUE(report.manifold) << "seed " << seed;
  }
}

TEST(CleanSurface, TwoFacesBackToBackAreDropped) {
  Surface surface = ball(0.6);
  const size_t faces = surface.faces.size();
  surface = both(surface, {{{0, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {{0, 1, 2}, {0, 2, 1}}});
  EXPECT_EQ(clean_surface(surface, {.smallest_share = 0}, {}).faces.size(), faces);
}

TEST(CleanSurface, AStripWithOneSideIsKeptAndReported) {
  Surface strip;  // Moebius'
  constexpr int kSteps = 24;
  for (int i = 0; i < kSteps; ++i) {
    const double turn = 2 * M_PI * i / kSteps;
    for (const double across : {-0.2, 0.2}) {
      const double from_axis = 0.7 + across * std::cos(turn / 2);
      strip.vertices.push_back({static_cast<float>(from_axis * std::cos(turn)),
                                static_cast<float>(from_axis * std::sin(turn)),
                                static_cast<float>(across * std::sin(turn / 2))});
    }
  }
  for (int32_t i = 0; i < kSteps; ++i) {
    const bool is_last = i == kSteps - 1;
    const int32_t a = 2 * i, b = a + 1, c = is_last ? 1 : a + 2, d = is_last ? 0 : a + 3;
    strip.faces.push_back({a, c, b});
    strip.faces.push_back({b, c, d});
  }
  const Surface cleaned = clean_surface(strip, {}, {});
  EXPECT_EQ(cleaned.faces.size(), strip.faces.size());
  const SurfaceReport report = inspect_surface(cleaned);
  EXPECT_EQ(report.components, 1);
  EXPECT_FALSE(report.manifold);  // its faces cannot all turn the same way
  int against = 0;                // edges that both faces walk in the same direction: the seam's alone
  std::set<std::pair<int32_t, int32_t>> walked;
  for (const Int3& face : cleaned.faces) {
    for (int k = 0; k < 3; ++k) against += walked.insert({face[k], face[(k + 1) % 3]}).second ? 0 : 1;
  }
  EXPECT_EQ(against, 1);
}

TEST(CleanSurface, AFaceThatNamesNoVertexIsAnError) {
  for (const int32_t vertex : {-1, 99999}) {
    Surface surface = ball(0.6);
    surface.faces[3][1] = vertex;
    expect_error(ErrorCode::kInternal, "", [&] { clean_surface(surface, {}, {}); });
  }
}

TEST(CleanSurface, StopsWhenCancelled) {
  Control control;
  control.cancel.cancel();
  expect_error(ErrorCode::kCancelled, "Cancelled", [&] { clean_surface(ball(0.6), {}, control); });
}

TEST(CleanSurface, WithoutFacesItIsAnEmptySurface) {
  expect_error(ErrorCode::kEmptySurface, "No face is left", [] { clean_surface({}, {}, {}); });
}

TEST(CleanSurface, OneTriangleStays) {
  const Surface one{{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}}, {{0, 1, 2}}};
  EXPECT_EQ(clean_surface(one, {}, {}).faces.size(), 1u);
}

TEST(CleanSurface, CoordinatesThatAreNotFiniteAreAnError) {
  Surface surface = ball(0.6);
  surface.vertices[3][1] = std::numeric_limits<float>::infinity();
  expect_error(ErrorCode::kInternal, "not finite", [&] { clean_surface(surface, {}, {}); });
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
    for (const int64_t share : {4, 20}) {
      const Surface simplified = simplify_surface(surface, std::ssize(surface.faces) / share, {});
      EXPECT_LE(std::ssize(simplified.faces), std::ssize(surface.faces) / share);
      expect_sound(simplified);
    }
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
  expect_error(ErrorCode::kInvalidSettings, "Invalid number of faces '3'",
               [] { simplify_surface(ball(0.5), 3, {}); });
}

}  // namespace
}  // namespace relievo
