#include "base/side.h"

#include <gtest/gtest.h>

#include "base/camera.h"

namespace relievo {
namespace {

/// A direction of the model box in the scene's axes: (x, y, z) -> (y, -x, z) (base/mesh.h).
Vector3 in_scene(const Vector3& v) { return {v[1], -v[0], v[2]}; }

Vector3 column(const Matrix4& pose, size_t i) { return {pose[i], pose[4 + i], pose[8 + i]}; }

TEST(Side, IsSeenAsBlendersViewOfThatNameShowsIt) {
  // Numpad 1, Ctrl 1, Ctrl 3, 3 and 7 of Blender's manual: the direction towards the viewer, and what points
  // to the right and up on the screen.
  struct Expected {
    Side side;
    Vector3 towards, right, up;
  };
  for (const Expected& is : {Expected{Side::kFront, {0, -1, 0}, {1, 0, 0}, {0, 0, 1}},
                             Expected{Side::kBack, {0, 1, 0}, {-1, 0, 0}, {0, 0, 1}},
                             Expected{Side::kLeft, {-1, 0, 0}, {0, -1, 0}, {0, 0, 1}},
                             Expected{Side::kRight, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
                             Expected{Side::kTop, {0, 0, 1}, {1, 0, 0}, {0, 1, 0}}}) {
    const OwnView view = view_from(is.side, "a.png");
    const Matrix4 pose = orbit_pose(*view.azimuth, view.elevation, 1);
    for (size_t axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(in_scene(column(pose, 2))[axis], is.towards[axis], 1e-12) << side_name(is.side);
      EXPECT_NEAR(in_scene(column(pose, 0))[axis], is.right[axis], 1e-12) << side_name(is.side);
      EXPECT_NEAR(in_scene(column(pose, 1))[axis], is.up[axis], 1e-12) << side_name(is.side);
    }
  }
}

TEST(Side, IsToldByTheCamera) {
  for (const Side side : kSides) {
    EXPECT_EQ(side_of(view_from(side, "a.png")), side);
    EXPECT_EQ(side_named(side_name(side)), side);
  }
  EXPECT_EQ(side_of({.picture = "a.png", .azimuth = -90, .fov = 40}), Side::kLeft);
  EXPECT_EQ(side_of({.picture = "a.png", .azimuth = -270}), Side::kRight);
  EXPECT_FALSE(side_of({.picture = "a.png", .azimuth = 91}));
  EXPECT_FALSE(side_of({.picture = "a.png", .azimuth = 90, .elevation = 90}));
  EXPECT_FALSE(side_of({.picture = "a.png"}));
  EXPECT_FALSE(side_named("Front"));
}

TEST(Side, IsToldByTheEndOfAPicturesName) {
  const auto of = [](const char* picture) { return side_of(with_camera_of_name({.picture = picture})); };
  EXPECT_EQ(of("in/cup_front.png"), Side::kFront);
  EXPECT_EQ(of("cup-Back.JPG"), Side::kBack);
  EXPECT_EQ(of("cup 2 left.png"), Side::kLeft);
  EXPECT_EQ(of("cup_top.png"), Side::kTop);
  EXPECT_FALSE(of("upright.png"));
  EXPECT_FALSE(of("right.png"));
  EXPECT_FALSE(of("cup_right2.png"));
  EXPECT_FALSE(of("right_cup.png"));
  const OwnView masked = with_camera_of_name({.picture = "cup_left.png", .mask = "m.png"});
  EXPECT_EQ(masked.mask, "m.png");
  EXPECT_TRUE(masked.orthographic);
}

}  // namespace
}  // namespace relievo
