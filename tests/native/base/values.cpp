#include <cmath>

#include <gtest/gtest.h>

#include "base/camera.h"
#include "base/image.h"
#include "base/mesh.h"
#include "base/upright.h"

namespace relievo {
namespace {

// Values of the sRGB standard's own table: mid grey 0.5 encoded is 0.2140 linear.
TEST(Srgb, FollowsTheStandardsCurve) {
  EXPECT_NEAR(linear_from_srgb(0.5f), 0.21404f, 1e-5);
  EXPECT_NEAR(srgb_from_linear(0.21404f), 0.5f, 1e-4);
  EXPECT_NEAR(linear_from_srgb(0.04f), 0.04f / 12.92f, 1e-7);
  EXPECT_EQ(srgb_from_linear(-1.0f), 0.0f);
}

TEST(Image, BytesRoundTripExactly) {
  ByteImage bytes(16, 16, 4);
  for (size_t i = 0; i < bytes.pixels.size(); ++i) bytes.pixels[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(to_bytes(from_bytes(bytes)).pixels, bytes.pixels);
}

TEST(Image, LinearPicturesAreEncodedButTheirAlphaIsNot) {
  Image image(1, 1, 4);
  image.linear = true;
  image.pixels = {0.2145f, 2.0f, -1.0f, 0.5f};
  EXPECT_EQ(to_bytes(image).pixels, (std::vector<uint8_t>{128, 255, 0, 128}));
}

// The camera that took the picture stands on the model box's +X; in Blender it stands on -Y and sees the same
// picture.
TEST(Axes, FrontBecomesMinusYAndPictureRightPlusX) {
  Surface surface{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {}};
  turn_to_scene(surface);
  EXPECT_EQ(surface.vertices[0], (Float3{0, -1, 0}));
  EXPECT_EQ(surface.vertices[1], (Float3{1, 0, 0}));
  EXPECT_EQ(surface.vertices[2], (Float3{0, 0, 1}));
}

TEST(Axes, WhatIsSeenFromAboveIsTurnedUpright) {
  // A camera 30 degrees above the horizon sees a pole's top nearer than its foot.
  const float s = 0.5f, c = 0.8660254f;
  Surface pole{{{-s, 0, -c}, {s, 0, c}, {0, 1, 0}}, {}};
  turn_upright(pole, 0.5235988f);
  const std::vector<Float3> wanted{{0, 0, -1}, {0, 0, 1}, {0, 1, 0}};
  for (size_t i = 0; i < wanted.size(); ++i) {
    for (size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(pole.vertices[i][axis], wanted[i][axis], 1e-6);
  }
}

TEST(Camera, LooksAlongMinusZWithWorldZUp) {
  const Matrix4 pose = look_at({5, 0, 0});
  const Matrix4 to_camera = inverse_pose(pose);
  const auto transformed = [&](const Vector3& p) {
    Vector3 q{};
    for (int i = 0; i < 3; ++i) {
      q[i] = to_camera[i * 4] * p[0] + to_camera[i * 4 + 1] * p[1] + to_camera[i * 4 + 2] * p[2] +
             to_camera[i * 4 + 3];
    }
    return q;
  };
  EXPECT_NEAR(transformed({0, 0, 0})[2], -5, 1e-12);  // in front
  EXPECT_NEAR(transformed({0, 1, 0})[0], 1,
              1e-12);  // +Y is to the right, as base/mesh.h says of the front view
  EXPECT_NEAR(transformed({0, 0, 1})[1], 1, 1e-12);  // +Z is up
}

TEST(Camera, StraightDownIsDefined) {
  for (const double value : look_at({0, 0, 3})) EXPECT_TRUE(std::isfinite(value));
}

TEST(Camera, RayThroughThePictureIsSeenWhereItWasSent) {
  const Matrix4 pose = look_at(on_sphere(30, 20, 4));
  const Ray ray = pixel_ray(pose, 50, 8, 6, 1);
  const Matrix4 to_camera = inverse_pose(pose), clip = projection(50);
  double camera[4] = {0, 0, 0, 1}, out[4] = {};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) camera[i] += to_camera[i * 4 + j] * (ray.origin[j] + 2 * ray.direction[j]);
    camera[i] += to_camera[i * 4 + 3];
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) out[i] += clip[i * 4 + j] * camera[j];
  }
  EXPECT_NEAR((out[0] / out[3] + 1) / 2 * 8, 6.5, 1e-9);
  EXPECT_NEAR((out[1] / out[3] + 1) / 2 * 8, 1.5, 1e-9);
}

}  // namespace
}  // namespace relievo
