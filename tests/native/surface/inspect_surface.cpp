#include <gtest/gtest.h>

#include "base/error.h"
#include "surface/surface.h"

namespace relievo {
namespace {

/// A corner of the unit cube, cut off at `offset`.
Surface tetrahedron(float offset = 0) {
  const float o = offset;
  return {{{o, o, o}, {o + 1, o, o}, {o, o + 1, o}, {o, o, o + 1}},
          {{0, 2, 1}, {0, 1, 3}, {0, 3, 2}, {1, 2, 3}}};
}

/// Joins both surfaces, with vertices `first..3` of the second taken from the first.
Surface glued(int shared) {
  Surface surface = tetrahedron();
  const auto number = [&](int v) { return v < shared ? v : v - shared + 4; };
  for (int v = shared; v < 4; ++v) surface.vertices.push_back({-1.0f * static_cast<float>(v), -1, -2});
  for (const Int3& f : tetrahedron().faces)
    surface.faces.push_back({number(f[0]), number(f[1]), number(f[2])});
  return surface;
}

TEST(InspectSurface, TetrahedronIsClosedAndInOneComponent) {
  const SurfaceReport report = inspect_surface(tetrahedron());
  EXPECT_TRUE(report.watertight);
  EXPECT_TRUE(report.manifold);
  EXPECT_EQ(report.components, 1);
  EXPECT_EQ(report.euler, 2);
}

TEST(InspectSurface, MeasuresAreaAndVolume) {
  const SurfaceReport report = inspect_surface(tetrahedron());
  EXPECT_NEAR(report.area, 1.5 + std::sqrt(3.0) / 2, 1e-6);
  EXPECT_NEAR(report.volume, 1.0 / 6, 1e-6);
}

TEST(InspectSurface, VolumeDoesNotDependOnPlace) {
  EXPECT_NEAR(inspect_surface(tetrahedron(5)).volume, 1.0 / 6, 1e-5);
}

TEST(InspectSurface, VolumeIsNegativeInsideOut) {
  Surface surface = tetrahedron();
  for (Int3& face : surface.faces) std::swap(face[1], face[2]);
  EXPECT_NEAR(inspect_surface(surface).volume, -1.0 / 6, 1e-6);
}

TEST(InspectSurface, MissingFaceIsAHoleInAManifold) {
  Surface surface = tetrahedron();
  surface.faces.pop_back();
  const SurfaceReport report = inspect_surface(surface);
  EXPECT_FALSE(report.watertight);
  EXPECT_TRUE(report.manifold);
  EXPECT_EQ(report.euler, 1);
}

TEST(InspectSurface, TurnedFaceIsNotManifold) {
  Surface surface = tetrahedron();
  std::swap(surface.faces[0][0], surface.faces[0][1]);
  const SurfaceReport report = inspect_surface(surface);
  EXPECT_TRUE(report.watertight);
  EXPECT_FALSE(report.manifold);
}

TEST(InspectSurface, SolidsThatTouchInAVertexAreTwoComponentsAndNotManifold) {
  const SurfaceReport report = inspect_surface(glued(1));
  EXPECT_TRUE(report.watertight);
  EXPECT_FALSE(report.manifold);
  EXPECT_EQ(report.components, 2);
  EXPECT_EQ(report.euler, 3);
}

TEST(InspectSurface, SolidsThatTouchInAnEdgeAreOneComponentAndNotManifold) {
  const SurfaceReport report = inspect_surface(glued(2));
  EXPECT_FALSE(report.watertight);
  EXPECT_FALSE(report.manifold);
  EXPECT_EQ(report.components, 1);
}

TEST(InspectSurface, FaceThatNamesAVertexTwiceIsNotManifold) {
  const SurfaceReport report = inspect_surface({{{0, 0, 0}, {1, 0, 0}}, {{0, 0, 1}}});
  EXPECT_FALSE(report.watertight);
  EXPECT_FALSE(report.manifold);
}

TEST(InspectSurface, UnusedVerticesDoNotCount) {
  Surface surface = tetrahedron();
  surface.vertices.push_back({9, 9, 9});
  const SurfaceReport report = inspect_surface(surface);
  EXPECT_EQ(report.euler, 2);
  EXPECT_TRUE(report.manifold);
}

TEST(InspectSurface, NothingIsNotWatertight) { EXPECT_FALSE(inspect_surface({}).watertight); }

TEST(InspectSurface, FaceWithoutItsVertexIsAnError) {
  for (const int32_t vertex : {-1, 4}) {
    Surface surface = tetrahedron();
    surface.faces[2][1] = vertex;
    try {
      inspect_surface(surface);
      ADD_FAILURE() << vertex;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInternal);
    }
  }
}

}  // namespace
}  // namespace relievo
