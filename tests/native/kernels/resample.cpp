#include "kernels/resample.h"

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

/// `[height, width, 2]`: the first channel is x in the unit square, the second y.
std::vector<float> ramp(int width, int height) {
  std::vector<float> values;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      values.push_back((static_cast<float>(x) + 0.5f) / static_cast<float>(width));
      values.push_back((static_cast<float>(y) + 0.5f) / static_cast<float>(height));
    }
  }
  return values;
}

void expect_ramp_inside(const std::vector<float>& values, int width, int height, int border) {
  const std::vector<float> expected = ramp(width, height);
  for (int y = border; y < height - border; ++y) {
    for (int x = border; x < width - border; ++x) {
      for (int c = 0; c < 2; ++c) {
        const size_t i = (static_cast<size_t>(y) * width + x) * 2 + c;
        ASSERT_NEAR(values[i], expected[i], 1e-5) << x << ' ' << y << ' ' << c;
      }
    }
  }
}

TEST(Resample, KeepsARampWhenShrinking) {
  expect_ramp_inside(resample(ramp(90, 80), 90, 80, 2, 30, 20), 30, 20, 1);
}

TEST(Resample, KeepsARampWhenGrowing) {
  expect_ramp_inside(resample(ramp(20, 10), 20, 10, 2, 70, 50), 70, 50, 3);
}

TEST(Resample, IsTheIdentityAtTheSameSize) { EXPECT_EQ(resample(ramp(7, 5), 7, 5, 2, 7, 5), ramp(7, 5)); }

TEST(Resample, AveragesFineStripes) {
  std::vector<float> stripes(64 * 8);
  for (size_t i = 0; i < stripes.size(); ++i) stripes[i] = static_cast<float>(i % 2);
  for (const float value : resample(stripes, 64, 8, 1, 8, 8)) EXPECT_NEAR(value, 0.5f, 0.04f);
}

TEST(SampleBilinear, BlendsBetweenPixelCentres) {
  Image image(2, 2, 1);
  image.pixels = {0, 1, 2, 3};
  float value = 0;
  sample_bilinear(image, 0.5f, 0.5f, &value);
  EXPECT_FLOAT_EQ(value, 0);
  sample_bilinear(image, 1.25f, 1.0f, &value);
  EXPECT_FLOAT_EQ(value, 1.75f);
}

TEST(SampleBilinear, GoesOnBeyondTheBorder) {
  Image image(2, 2, 1);
  image.pixels = {0, 1, 2, 3};
  float value = 0;
  sample_bilinear(image, 9, -5, &value);
  EXPECT_FLOAT_EQ(value, 1);
}

}  // namespace
}  // namespace relievo::kernels
