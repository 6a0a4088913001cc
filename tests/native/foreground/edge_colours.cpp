#include "foreground/edge_colours.h"

#include <cmath>

#include <gtest/gtest.h>

#include "foreground/confidence.h"
#include "samples.h"

namespace relievo {
namespace {

using samples::fill;
using samples::plain;

constexpr int kSide = 256;
constexpr double kRadius = 80;
constexpr float kRed[] = {0.75f, 0.16f, 0.16f}, kWhite[] = {1, 1, 1};

double from_centre(int x, int y) { return std::hypot(x + 0.5 - kSide / 2.0, y + 0.5 - kSide / 2.0); }

Mask disc(double radius) {
  Mask mask(kSide, kSide);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      mask.at(x, y) = static_cast<float>(std::clamp(radius - from_centre(x, y) + 0.5, 0.0, 1.0));
    }
  }
  return mask;
}

/// A disc before a ground, out of focus: from the one colour to the other over `soft` pixels to either side.
Image blurred(const float (&subject)[3], const float (&ground)[3], double soft) {
  Image image(kSide, kSide, 3);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      const double inside = std::clamp((kRadius - from_centre(x, y)) / (2 * soft) + 0.5, 0.0, 1.0);
      const auto t = static_cast<float>(inside * inside * (3 - 2 * inside));
      for (int c = 0; c < 3; ++c) image.pixel(x, y)[c] = t * subject[c] + (1 - t) * ground[c];
    }
  }
  return image;
}

Image cleared(Image image, const Mask& mask, double reach) {
  clear_edge_colours(image, mask, {0, 0, kSide}, reach, {});
  return image;
}

double most_off(const Image& image, double radius, const float (&colour)[3]) {
  double most = 0;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (from_centre(x, y) > radius) continue;
      for (int c = 0; c < 3; ++c) most = std::max(most, double{std::abs(image.pixel(x, y)[c] - colour[c])});
    }
  }
  return most;
}

TEST(EdgeColours, TheGroundOfASoftEdgeGoes) {
  const Image image = blurred(kRed, kWhite, 4);
  EXPECT_GT(most_off(image, kRadius, kRed), 0.4);
  EXPECT_LT(most_off(cleared(image, disc(kRadius), 5), kRadius, kRed), 0.04);
}

TEST(EdgeColours, OfAnEdgeThatIsSofterThanTheMaskIsCoarseToo) {
  const Image image = blurred(kRed, kWhite, 12);
  EXPECT_LT(most_off(cleared(image, disc(kRadius), 5), kRadius, kRed), 0.04);
}

TEST(EdgeColours, WhatTheSubjectIsPaintedWithStays) {
  // Spots of 8 pixels, up to a sharp outline that the mask follows.
  Image image = blurred(kRed, kWhite, 0.5);
  const auto is_spot = [](int x, int y) { return (x / 8 + y / 8) % 3 == 0; };
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (!is_spot(x, y)) continue;
      float* const pixel = image.pixel(x, y);
      const float inside = (kWhite[1] - pixel[1]) / (kWhite[1] - kRed[1]);
      for (int c = 0; c < 3; ++c) pixel[c] += 0.2f * inside * (kWhite[c] - kRed[c]);  // paler
    }
  }
  const Image result = cleared(image, disc(kRadius), 5);
  double most = 0, sum = 0;
  int count = 0;
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (from_centre(x, y) > kRadius - 4) continue;
      const double change = std::abs(result.pixel(x, y)[1] - image.pixel(x, y)[1]);
      most = std::max(most, change);
      if (from_centre(x, y) < kRadius - 8) continue;
      sum += change;
      ++count;
    }
  }
  EXPECT_LT(sum / count, 0.01);
  EXPECT_LT(most, 0.06);
}

TEST(EdgeColours, TheGroundInsideAMaskThatIsTooWideGoes) {
  const Image image = blurred(kRed, kWhite, 0.5);
  EXPECT_GT(most_off(image, kRadius + 3, kRed), 0.8);
  EXPECT_LT(most_off(cleared(image, disc(kRadius + 3), 5), kRadius + 3, kRed), 0.06);
}

TEST(EdgeColours, WhatIsFurtherInsideStays) {
  const Image image = blurred(kRed, kWhite, 4);
  const Image result = cleared(image, disc(kRadius), 5);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (from_centre(x, y) > kRadius - 16) continue;
      for (int c = 0; c < 3; ++c) ASSERT_EQ(result.pixel(x, y)[c], image.pixel(x, y)[c]);
    }
  }
}

TEST(EdgeColours, AnEdgeOfAnotherColourStays) {
  // A blue rim is neither the subject's red nor the ground's white.
  constexpr float kBlue[] = {0.1f, 0.2f, 0.8f};
  Image image = blurred(kRed, kWhite, 0.5);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (from_centre(x, y) < kRadius && from_centre(x, y) > kRadius - 4)
        std::copy_n(kBlue, 3, image.pixel(x, y));
    }
  }
  const Image result = cleared(image, disc(kRadius), 5);
  const int row = kSide / 2;
  for (int x = 50; x < 51; ++x) {
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(result.pixel(x, row)[c], kBlue[c], 0.05) << x;
  }
}

TEST(EdgeColours, ASubjectOfTheGroundsColourStays) {
  const Image image = blurred(kWhite, kWhite, 1);
  EXPECT_EQ(cleared(image, disc(kRadius), 5).pixels, image.pixels);
}

TEST(EdgeColours, AThinPartKeepsItsOwnColour) {
  // A leg of 4 pixels, orange below a brown body.
  constexpr float kBrown[] = {0.4f, 0.25f, 0.15f}, kOrange[] = {0.95f, 0.55f, 0.1f};
  Image image = plain(kSide, kSide, 3, kWhite);
  Mask mask(kSide, kSide);
  fill(mask, {60, 40, 200, 140});
  fill(mask, {126, 140, 130, 230});
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (mask.at(x, y) > 0) std::copy_n(y < 140 ? kBrown : kOrange, 3, image.pixel(x, y));
    }
  }
  const Image result = cleared(image, mask, 3);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(result.pixel(128, 200)[c], kOrange[c], 0.1) << c;
}

/// An even ground, and what is drawn on it.
ByteImage drawing(const Mask& shape, uint8_t ground, uint8_t shade) {
  ByteImage image(shape.width, shape.height, 3, ground);
  for (size_t i = 0; i < shape.values.size(); ++i) {
    if (shape.values[i] > 0.5f) std::fill_n(&image.pixels[3 * i], 3, shade);
  }
  return image;
}

TEST(Doubt, ThereIsNoneOfASharpMapThatFitsItsPicture) {
  const Mask map = disc(kRadius);
  const Doubt doubt = doubt_of(map, 0.5f, drawing(map, 250, 40));
  EXPECT_LT(doubt.unsure, 0.01);
  EXPECT_NEAR(doubt.against_ground, 0, 0.01);
}

TEST(Doubt, APartThatIsHalfGivenIsUnsure) {
  Mask map = disc(kRadius);
  fill(map, {110, 60, 150, 200}, 0.4f);
  EXPECT_GT(doubt_of(map, 0.5f, drawing(map, 250, 40)).unsure, 0.2);
}

TEST(Doubt, APartThatStandsOutAndIsLeftOutSpeaksAgainstTheOutline) {
  const Mask map = disc(40);
  const Doubt doubt = doubt_of(map, 0.5f, drawing(disc(kRadius), 255, 230));
  EXPECT_GT(doubt.against_ground, 0.5);
}

TEST(Doubt, AnUnevenGroundSaysNothing) {
  ByteImage image = drawing(disc(kRadius), 250, 40);
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (image.pixel(x, y)[0] == 250) image.pixel(x, y)[0] = static_cast<uint8_t>(x);
    }
  }
  EXPECT_LT(doubt_of(disc(kRadius), 0.5f, image).against_ground, 0);
}

}  // namespace
}  // namespace relievo
