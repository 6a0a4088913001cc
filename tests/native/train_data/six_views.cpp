#include "train/data/six_views.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "base/camera.h"
#include "train/data/shapes.h"

namespace relievo {
namespace {

constexpr SampleSettings kSmall{.views = 2, .picture_side = 48, .six_views = true};

/// A ball whose one side is red and whose other is green.
Object two_coloured_ball() {
  ShapeBuilder builder;
  builder.add(superquadric({1, 1, 1}, 1, 1), {}, builder.material({.colour = {1, 1, 1}}));
  Object object = builder.take();
  for (const Float3& vertex : object.surface.vertices) {
    object.vertex_colours.push_back(vertex[1] > 0 ? Float3{1, 0, 0} : Float3{0, 1, 0});
  }
  return object;
}

float x_of(int16_t kept) { return kSampleUnit * kept; }

TEST(SixViews, DistancesAreThoseOfTheObjectInTheModelBox) {
  for (const SixViewsSample& sample : make_six_views(two_coloured_ball(), kSmall, 3)) {
    ASSERT_EQ(sample.points.size(), 3u * kPointsOfSixViews);
    for (size_t i = 0; i < sample.distances.size(); ++i) {
      const float radius = std::hypot(x_of(sample.points[3 * i]), x_of(sample.points[3 * i + 1]),
                                      x_of(sample.points[3 * i + 2]));
      EXPECT_NEAR(x_of(sample.distances[i]), radius - kSixViewsRadius, 0.02f);
    }
  }
}

TEST(SixViews, EachPictureIsThatOfItsCamera) {
  const auto samples = make_six_views(two_coloured_ball(), kSmall, 4);
  const auto cameras = six_view_cameras();
  for (const SixViewsSample& sample : samples) {
    ASSERT_EQ(sample.pictures.size(), 6u);
    for (size_t view = 0; view < 6; ++view) {
      const CameraVector& camera =
          cameras[view];  // rows 0..2 of camera-to-world: its place is in the last column
      const Float3 towards{camera[3], camera[7], camera[11]};
      // The point near the surface that looks most towards the camera.
      size_t best = 0;
      float most = -2;
      for (size_t i = 0; i < sample.distances.size(); ++i) {
        const Float3 p{x_of(sample.points[3 * i]), x_of(sample.points[3 * i + 1]),
                       x_of(sample.points[3 * i + 2])};
        const float facing = (p[0] * towards[0] + p[1] * towards[1] + p[2] * towards[2]) /
                             (std::hypot(p[0], p[1], p[2]) * std::hypot(towards[0], towards[1], towards[2]));
        if (std::abs(x_of(sample.distances[i])) < 0.05f && facing > most) {
          most = facing;
          best = i;
        }
      }
      const ByteImage& picture = sample.pictures[view];
      const uint8_t* middle = picture.pixel(picture.width / 2, picture.height / 2);
      EXPECT_EQ(middle[3], 255);
      EXPECT_EQ(picture.pixel(0, 0)[3], 0);
      const int difference = middle[0] - middle[1];
      const bool is_red = sample.colours[3 * best] > sample.colours[3 * best + 1];
      // Where the border between the sides is in the middle, neither colour is told.
      if (std::abs(difference) > 60 && most > 0.98f) {
        EXPECT_EQ(difference > 0, is_red) << view;
      }
    }
  }
}

}  // namespace
}  // namespace relievo
