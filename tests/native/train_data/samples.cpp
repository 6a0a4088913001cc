#include "train/data/samples.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "train/data/generate.h"
#include "train/data/shapes.h"
#include "train/data/view_frame.h"

namespace relievo {
namespace {

constexpr SampleSettings kSmall{.views = 2, .picture_side = 48, .depth_side = 24};

Object red_ball() {
  ShapeBuilder builder;
  builder.add(superquadric({1, 1, 1}, 1, 1), {}, builder.material({.colour = {0.9f, 0.1f, 0.1f}}));
  return builder.take();
}

float x_of(int16_t kept) { return kSampleUnit * kept; }

TEST(ViewFrame, APixelShowsWhatLiesAtItsPlaceInTheBox) {
  Object object = red_ball();
  normalise(object);
  Random random(3);
  for (int i = 0; i < 20; ++i) {
    const ViewFrame frame = ViewFrame::draw(object.surface, random);
    const Float3 point = scaled(random.direction(), 0.5f * random.share());
    const Float3 place = frame.to_box(point);
    const auto ray = frame.pixel_ray(place[1], place[2]);
    const Float3 towards = unit(minus(point, ray.origin));
    EXPECT_NEAR(dot(towards, ray.direction), 1, 1e-6);
    const Float3 back = frame.from_box(place);
    for (size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(back[axis], point[axis], 1e-5);
  }
}

TEST(ViewFrame, TheSubjectsLongerSideIsThatOfAForeground) {
  Object object = red_ball();
  normalise(object);
  Random random(4);
  const Surface in_box = ViewFrame::draw(object.surface, random).to_box(object.surface);
  Float3 low = in_box.vertices[0], high = low;
  for (const Float3& vertex : in_box.vertices) {
    for (size_t axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], vertex[axis]);
      high[axis] = std::max(high[axis], vertex[axis]);
    }
  }
  EXPECT_NEAR(std::max(high[1] - low[1], high[2] - low[2]), 1.7f, 1e-5);
  for (size_t axis = 0; axis < 3; ++axis) EXPECT_NEAR(low[axis] + high[axis], 0, 1e-5);
}

TEST(ViewFrame, RefusesACameraInsideTheObject) {
  Object object = red_ball();
  normalise(object);
  expect_error(ErrorCode::kInvalidSettings, "inside", [&] { ViewFrame(object.surface, 0, 0, 0.5f, 0.3f); });
}

TEST(Samples, ABallIsWhereItsDepthsAndDistancesSay) {
  Object object = red_ball();
  const auto views = make_samples(object, kSmall, 5);
  ASSERT_EQ(views.size(), 2u);
  for (const ViewSample& view : views) {
    // A projective map makes an ellipsoid of a ball, here with the half axes front, 0.85 and 0.85.
    const size_t middle =
        4 * static_cast<size_t>(kSmall.depth_side * kSmall.depth_side / 2 + kSmall.depth_side / 2);
    const float front = x_of(view.depths[middle]), back = x_of(view.depths[middle + 1]);
    EXPECT_NEAR(front + back, 0, 0.05);
    EXPECT_GT(front, 0.7f);
    EXPECT_EQ(view.depths[middle + 2], kNothing);
    int inside = 0;
    for (int i = 0; i < kPointsOfView; ++i) {
      const size_t p = 3 * static_cast<size_t>(i);
      const float x = x_of(view.points[p]), y = x_of(view.points[p + 1]), z = x_of(view.points[p + 2]);
      const float r = std::sqrt(x * x / (front * front) + (y * y + z * z) / (0.85f * 0.85f));
      const float distance = x_of(view.distances[static_cast<size_t>(i)]);
      if (r < 0.97f) {
        EXPECT_LT(distance, 0) << r;
      }
      if (r > 1.03f) {
        EXPECT_GT(distance, 0) << r;
      }
      inside += distance < 0;
      EXPECT_NEAR(view.colours[p], 230, 2);
      EXPECT_NEAR(view.colours[p + 1], 26, 2);
    }
    EXPECT_GT(inside, 300);
  }
}

TEST(Samples, TheSilhouetteInDepthIsThatOfThePicture) {
  Object object = generate_object(4);  // a house
  SampleSettings settings = kSmall;
  settings.depth_side = settings.picture_side;
  int differing = 0, covered = 0;
  for (const ViewSample& view : make_samples(object, settings, 6)) {
    for (size_t i = 0; i < view.picture.pixels.size() / 4; ++i) {
      const bool in_picture = view.picture.pixels[4 * i + 3] > 127, in_depth = view.depths[4 * i] != kNothing;
      covered += in_picture;
      differing += in_picture != in_depth;
    }
  }
  EXPECT_GT(covered, 500);
  EXPECT_LT(differing, covered / 20);  // border pixels: four rays there, one here
}

TEST(Samples, ShadowsAndLightsDifferButColoursDoNot) {
  Object object = red_ball();
  const auto views = make_samples(object, kSmall, 7);
  EXPECT_NE(views[0].picture.pixels, views[1].picture.pixels);
  const auto range = [](const ByteImage& picture) {
    int low = 255, high = 0;
    for (size_t i = 0; i < picture.pixels.size(); i += 4) {
      if (picture.pixels[i + 3] < 255) continue;
      low = std::min<int>(low, picture.pixels[i]);
      high = std::max<int>(high, picture.pixels[i]);
    }
    return high - low;
  };
  EXPECT_GT(range(views[0].picture), 40);  // a ball of one colour is brighter on one side
}

TEST(Samples, AreTheSameAgain) {
  Object one = generate_object(3), other = generate_object(3);
  const auto first = make_samples(one, kSmall, 8), second = make_samples(other, kSmall, 8);
  EXPECT_EQ(first[1].picture.pixels, second[1].picture.pixels);
  EXPECT_EQ(first[1].points, second[1].points);
  EXPECT_EQ(first[1].distances, second[1].distances);
  EXPECT_EQ(first[1].depths, second[1].depths);
}

TEST(Samples, RefuseWhatHasNoSize) {
  Object flat = red_ball();
  for (Float3& vertex : flat.surface.vertices) vertex = {1, 1, 1};
  expect_error(ErrorCode::kEmptySurface, "no size", [&] { make_samples(flat, kSmall, 1); });
}

}  // namespace
}  // namespace relievo
