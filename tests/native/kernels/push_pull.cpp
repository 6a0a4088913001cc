#include "kernels/push_pull.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

TEST(PushPull, KeepsWhatHasFullWeight) {
  Image colours(5, 3, 1);
  for (size_t i = 0; i < colours.pixels.size(); ++i) colours.pixels[i] = static_cast<float>(i);
  const Image before = colours;
  push_pull(colours, std::vector<float>(15, 1.0f));
  EXPECT_EQ(colours.pixels, before.pixels);
}

TEST(PushPull, SpreadsASingleColourEverywhere) {
  Image colours(37, 21, 3, 1000.0f);
  std::vector<float> weights(37 * 21, 0.0f);
  std::copy_n(std::array{0.2f, 0.0f, 0.7f}.data(), 3, colours.pixel(30, 4));
  weights[4 * 37 + 30] = 1;
  push_pull(colours, weights);
  for (int y = 0; y < 21; ++y) {
    for (int x = 0; x < 37; ++x) {
      ASSERT_FLOAT_EQ(colours.pixel(x, y)[0], 0.2f) << x << ' ' << y;
      ASSERT_FLOAT_EQ(colours.pixel(x, y)[1], 0.0f) << x << ' ' << y;
      ASSERT_FLOAT_EQ(colours.pixel(x, y)[2], 0.7f) << x << ' ' << y;
    }
  }
}

TEST(PushPull, GrowsTheNearerColour) {
  Image colours(64, 64, 1);
  std::vector<float> weights(64 * 64, 0.0f);
  for (int y = 0; y < 64; ++y) {
    weights[y * 64] = weights[y * 64 + 63] = 1;
    *colours.pixel(63, y) = 1;
  }
  push_pull(colours, weights);
  EXPECT_LT(*colours.pixel(8, 32), 0.25f);
  EXPECT_GT(*colours.pixel(55, 32), 0.75f);
}

TEST(PushPull, BecomesBlackWithoutAnyWeight) {
  Image colours(6, 4, 3, 0.5f);
  push_pull(colours, std::vector<float>(24, 0.0f));
  EXPECT_EQ(colours.pixels, Image(6, 4, 3).pixels);
}

TEST(GrowColours, TakesNothingFromASoftEdge) {
  Image picture(512, 64, 4);
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 512; ++x) {
      const float alpha = std::clamp(static_cast<float>(300 - x) / 4, 0.0f, 1.0f);
      picture.pixel(x, y)[1] = 1 - alpha;  // the background is green
      picture.pixel(x, y)[2] = alpha;
      picture.pixel(x, y)[3] = alpha;
    }
  }
  const Image grown = grow_colours(picture);
  for (int x = 0; x < 512; ++x) EXPECT_EQ(grown.pixel(x, 32)[1], 0) << x;
}

TEST(GrowColours, KeepsWhatIsUncertainWellInside) {
  Image picture(128, 128, 4, 1.0f);
  for (int y = 60; y < 68; ++y) {
    for (int x = 60; x < 68; ++x) {
      picture.pixel(x, y)[0] = 0.25f;
      picture.pixel(x, y)[3] = 0.6f;
    }
  }
  EXPECT_FLOAT_EQ(grow_colours(picture).pixel(64, 64)[0], 0.25f);
}

TEST(GrowColours, KeepsBlackBlack) {
  Image picture(32, 32, 4, 1.0f);
  for (int y = 8; y < 24; ++y) {
    for (int x = 8; x < 24; ++x) std::fill_n(picture.pixel(x, y), 3, 0.0f);
  }
  EXPECT_EQ(grow_colours(picture).pixel(15, 15)[0], 0);
}

}  // namespace
}  // namespace relievo::kernels
