#include "base/own_view.h"

#include <cmath>
#include <limits>
#include <numbers>

#include <gtest/gtest.h>

#include "base/error.h"

namespace relievo {
namespace {

OwnView named(const std::string& picture) { return with_camera_of_name({.picture = picture}); }

/// Where a point lies in a camera's picture, from its centre in units of its side, right and up; by the
/// formula of a pinhole camera from the golden README.
std::array<double, 2> seen(const CameraVector& c, const Vector3& point) {
  const double p[3] = {point[0] - c[3], point[1] - c[7], point[2] - c[11]};
  const double right = p[0] * c[0] + p[1] * c[4] + p[2] * c[8];
  const double up = p[0] * c[1] + p[1] * c[5] + p[2] * c[9];
  const double ahead = -(p[0] * c[2] + p[1] * c[6] + p[2] * c[10]);
  return {c[12] * right / ahead, c[13] * up / ahead};
}

TEST(OwnView, IsToldByTheNameOfItsPicture) {
  struct Case {
    const char* name;
    double azimuth, elevation, fov;
    bool orthographic;
  };
  for (const Case& is : {Case{"cup_az030_el20.png", 30, 20, 30, false},
                         {"in/az330_el-10.PNG", 330, -10, 30, false},
                         {"cup AZ-22.5 EL+7.25 fov50.jpg", -22.5, 7.25, 50, false},
                         {"cup_az90.webp", 90, 0, 30, false},
                         {"cup_az180_ortho.png", 180, 0, 30, true},
                         {"cup-az45-el10_final.png", 45, 10, 30, false}}) {
    const OwnView view = named(is.name);
    ASSERT_TRUE(view.has_camera()) << is.name;
    EXPECT_EQ(*view.azimuth, is.azimuth) << is.name;
    EXPECT_EQ(view.elevation, is.elevation) << is.name;
    EXPECT_EQ(view.fov, is.fov) << is.name;
    EXPECT_EQ(view.orthographic, is.orthographic) << is.name;
  }
  for (const char* plain : {"jazz2.png", "az.png", "cup_az1e400.png", "cup_az123456789.png", "cup_az30x.png",
                            "az30/cup.png", "cup_azimuth30.png"})
    EXPECT_FALSE(named(plain).has_camera()) << plain;
  const OwnView given = with_camera_of_name({.picture = "cup_az30.png", .azimuth = 60, .elevation = 5});
  EXPECT_EQ(*given.azimuth, 60);
  EXPECT_EQ(given.elevation, 5);
}

TEST(OwnView, HasThePublishedCameraAtThePublishedAngles) {
  const std::vector<CameraVector> published = six_view_cameras();  // equal to the golden fixtures
  for (int i = 0; i < 6; ++i) {
    const OwnView view{.picture = "a", .azimuth = 30 + 60 * i, .elevation = i % 2 == 0 ? 20.0 : -10.0};
    const CameraVector camera = camera_of(view, 1);
    for (int k = 0; k < 16; ++k) EXPECT_NEAR(camera[k], published[i][k], 1e-5) << i << " " << k;
  }
}

TEST(OwnView, SpansTheSameAtTheOriginWhateverTheLens) {
  const double half = 4 * std::tan(15 * std::numbers::pi / 180);
  for (const OwnView& view :
       {OwnView{.picture = "a", .azimuth = 0}, OwnView{.picture = "a", .azimuth = 0, .fov = 50},
        OwnView{.picture = "a", .azimuth = 0, .orthographic = true}}) {
    for (const double frame : {0.5, 1.0, 1.6}) {
      const auto [right, up] = seen(camera_of(view, frame), {0, half, half});
      EXPECT_NEAR(right, 0.5, 1e-6);
      EXPECT_NEAR(up, 0.5, 1e-6);
    }
  }
}

TEST(OwnView, CroppedSeesTheSameSceneEnlarged) {
  const OwnView view{.picture = "a", .azimuth = 70, .elevation = 25, .fov = 40};
  const double frame = 0.6;
  for (const Vector3& point : {Vector3{0.3, -0.2, 0.4}, {-0.5, 0.1, -0.3}}) {
    const auto whole = seen(camera_of(view, 1), point);
    const auto cropped = seen(camera_of(view, frame), {point[0] / frame, point[1] / frame, point[2] / frame});
    for (int k = 0; k < 2; ++k) EXPECT_NEAR(cropped[k], whole[k] / frame, 1e-6);
  }
}

TEST(OwnView, IsAsTrainedWhereTheLensThatIsLeftAfterCroppingIs) {
  OwnView view{.picture = "a", .azimuth = 200, .elevation = 20};
  EXPECT_TRUE(is_as_trained(view, 1));
  EXPECT_FALSE(is_as_trained(view, 0.3));  // 9 degrees are left
  view.fov = 90;
  EXPECT_FALSE(is_as_trained(view, 1));
  EXPECT_TRUE(is_as_trained(view, 0.4));  // 44 degrees are left
  view.elevation = 60;
  EXPECT_FALSE(is_as_trained(view, 0.4));
  EXPECT_FALSE(is_as_trained({.picture = "a", .azimuth = 0, .orthographic = true}, 1));
}

TEST(OwnView, StaysUprightOverThePole) {
  for (const double azimuth : {0.0, 90.0, 210.0}) {
    const Matrix4 near = look_at(on_sphere(azimuth, 89.999, 3)), above = orbit_pose(azimuth, 90, 3);
    for (int k = 0; k < 16; ++k) EXPECT_NEAR(above[k], near[k], 1e-3) << azimuth;
  }
}

TEST(OwnView, RefusesAnglesOutOfRangeByTheViewsName) {
  const auto refusal = [](OwnView view) -> std::string {
    try {
      check_camera(view);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidSettings);
      return error.message() + " " + error.hint();
    }
    return "";
  };
  EXPECT_EQ(refusal({.picture = "a.png", .azimuth = 361}),
            "The azimuth of the view 'a.png' is 361 degrees. Use -360 to 360.");
  EXPECT_EQ(refusal({.picture = "a.png", .azimuth = 0, .elevation = -90.5}),
            "The elevation of the view 'a.png' is -90.5 degrees. Use -90 to 90.");
  EXPECT_EQ(refusal({.picture = "a.png", .azimuth = 0, .fov = 4}),
            "The field of view of the view 'a.png' is 4 degrees. Use 5 to 120.");
  EXPECT_NE(refusal({.picture = "a.png", .azimuth = std::numeric_limits<double>::quiet_NaN()}), "");
  EXPECT_EQ(refusal({.picture = "a.png", .azimuth = -360, .elevation = 90, .fov = 120}), "");
}

TEST(OwnView, IsTheSameCameraAFullTurnOn) {
  const OwnView view{.picture = "a", .azimuth = -30, .elevation = 10};
  EXPECT_TRUE(have_same_camera(view, {.picture = "b", .azimuth = 330, .elevation = 10}));
  EXPECT_FALSE(have_same_camera(view, {.picture = "b", .azimuth = 330, .elevation = 11}));
  EXPECT_FALSE(have_same_camera(view, {.picture = "b", .azimuth = 30, .elevation = 10}));
}

}  // namespace
}  // namespace relievo
