#include "train/data/six_views.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/camera.h"
#include "base/vectors.h"
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
  int told = 0;
  for (const SixViewsSample& sample : samples) {
    ASSERT_EQ(sample.pictures.size(), 6u);
    for (size_t view = 0; view < 6; ++view) {
      // Rows 0..2 of camera-to-world: its place is in the last column.
      const CameraVector& camera = cameras[view];
      const Float3 towards = unit({camera[3], camera[7], camera[11]});
      const ByteImage& picture = sample.pictures[view];
      const uint8_t* middle = picture.pixel(picture.width / 2, picture.height / 2);
      EXPECT_EQ(middle[3], 255);
      EXPECT_EQ(picture.pixel(0, 0)[3], 0);
      // The points near the surface that look towards the camera say what is in the picture's middle, unless
      // the border between the two sides passes there.
      int red = 0, green = 0;
      for (size_t i = 0; i < sample.distances.size(); ++i) {
        const Float3 p{x_of(sample.points[3 * i]), x_of(sample.points[3 * i + 1]),
                       x_of(sample.points[3 * i + 2])};
        if (std::abs(x_of(sample.distances[i])) > 0.05f || dot(unit(p), towards) < 0.9f) continue;
        ++(sample.colours[3 * i] > sample.colours[3 * i + 1] ? red : green);
      }
      if (red + green < 5 || (red > 0 && green > 0)) continue;
      EXPECT_EQ(middle[0] > middle[1], red > 0) << view;
      ++told;
    }
  }
  EXPECT_GE(told, 6);
}

}  // namespace
}  // namespace relievo
