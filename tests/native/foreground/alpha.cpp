#include "foreground/alpha.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "foreground/foreground.h"
#include "samples.h"

namespace relievo {
namespace {

using samples::fill;
using samples::plain;
using samples::with_alpha;

constexpr float kRed[] = {0.8f, 0.3f, 0.2f};

/// 1 inside a rectangle with round corners, a pixel soft.
Mask rounded(int width, int height, double inset, double radius) {
  Mask mask(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double u = std::abs(x + 0.5 - width / 2.0) - (width / 2.0 - inset - radius);
      const double v = std::abs(y + 0.5 - height / 2.0) - (height / 2.0 - inset - radius);
      const double outside =
          std::hypot(std::max(u, 0.0), std::max(v, 0.0)) + std::min(std::max(u, v), 0.0) - radius;
      mask.at(x, y) = static_cast<float>(std::clamp(0.5 - outside, 0.0, 1.0));
    }
  }
  return mask;
}

AlphaKind kind_of(const Mask& mask) {
  return alpha_kind(with_alpha(plain(mask.width, mask.height, 3, kRed), mask));
}

TEST(AlphaKind, RoundCornersAreAFrame) {
  EXPECT_EQ(kind_of(rounded(256, 256, 0, 256 * 0.1)), AlphaKind::kFrame);
  EXPECT_EQ(kind_of(rounded(400, 300, 0, 300 * 0.22)), AlphaKind::kFrame);
}

TEST(AlphaKind, AThinBorderIsAFrame) { EXPECT_EQ(kind_of(rounded(300, 300, 2.5, 30)), AlphaKind::kFrame); }

TEST(AlphaKind, ThreePixelsAroundASmallPictureAreAFrame) {
  EXPECT_EQ(kind_of(rounded(256, 256, 3, 0)), AlphaKind::kFrame);
}

TEST(AlphaKind, ADiscIsCutOut) { EXPECT_EQ(kind_of(rounded(256, 256, 0, 128)), AlphaKind::kCutOut); }

TEST(AlphaKind, ABoxInItsSurroundingsIsCutOut) {
  EXPECT_EQ(kind_of(rounded(256, 256, 20, 10)), AlphaKind::kCutOut);
}

TEST(AlphaKind, AHoleIsCutOut) {
  Mask mask(200, 200, 1);
  fill(mask, {80, 80, 120, 120}, 0);
  EXPECT_EQ(kind_of(mask), AlphaKind::kCutOut);
}

TEST(AlphaKind, OpaqueOrWithoutAlphaIsNone) {
  EXPECT_EQ(kind_of(Mask(50, 50, 1)), AlphaKind::kNone);
  EXPECT_EQ(alpha_kind(plain(50, 50, 3, kRed)), AlphaKind::kNone);
}

/// A disc whose edge is 24 pixels soft.
Mask soft_disc() {
  Mask mask(256, 256);
  for (int y = 0; y < 256; ++y) {
    for (int x = 0; x < 256; ++x) {
      mask.at(x, y) =
          static_cast<float>(std::clamp((95 - std::hypot(x - 128, y - 128)) / 24 + 0.5, 0.0, 1.0));
    }
  }
  return mask;
}

Image multiplied(Image image) {
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    for (int c = 0; c < 3; ++c)
      image.pixels[i + c] = std::round(image.pixels[i + c] * image.pixels[i + 3] * 255) / 255;
  }
  return image;
}

TEST(Premultiplied, IsToldAndDividedAgain) {
  const Image straight = with_alpha(plain(256, 256, 3, kRed), soft_disc());
  Image image = multiplied(straight);
  ASSERT_TRUE(is_premultiplied(image));
  make_straight(image);
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    if (image.pixels[i + 3] < 0.1f) continue;
    for (int c = 0; c < 3; ++c) ASSERT_NEAR(image.pixels[i + c], kRed[c], 0.03);
  }
}

TEST(Premultiplied, IsToldOfALossyWebP) {
  Image image = multiplied(with_alpha(plain(256, 256, 3, kRed), soft_disc()));
  for (size_t i = 0; i < image.pixels.size(); i += 4) {
    for (size_t c = 0; c < 3; ++c) {
      // Its encoder fills invisible pixels with whatever packs best, and is a few levels beside elsewhere.
      const float beside = (i / 4 * 7 + c * 5) % 13 / 255.0f - 6 / 255.0f;
      float& value = image.pixels[i + c];
      value = image.pixels[i + 3] == 0 ? 0.7f : std::clamp(value + beside, 0.0f, 1.0f);
    }
  }
  EXPECT_TRUE(is_premultiplied(image));
}

TEST(Premultiplied, IsNotToldOfStraightColours) {
  EXPECT_FALSE(is_premultiplied(with_alpha(plain(256, 256, 3, kRed), soft_disc())));
}

TEST(Premultiplied, IsNotToldOfADarkSubject) {
  // No colour exceeds its alpha, but for the faintest pixels; the edge is as dark as the inside.
  constexpr float kDark[] = {0.06f, 0.05f, 0.05f};
  EXPECT_FALSE(is_premultiplied(with_alpha(plain(256, 256, 3, kDark), soft_disc())));
}

TEST(Premultiplied, IsNotToldOfHardEdges) {
  Mask mask(64, 64);
  fill(mask, {10, 10, 50, 50});
  EXPECT_FALSE(is_premultiplied(with_alpha(plain(64, 64, 3, kRed), mask)));
}

TEST(SeeThrough, ABodyOfGlassBelowTheThresholdIsToldWithTheRemedy) {
  Mask mask(256, 256);
  fill(mask, {80, 90, 176, 240}, 0.4f);
  fill(mask, {110, 20, 146, 90});
  const CutOut result = cut_out(with_alpha(plain(256, 256, 3, kRed), mask), {.side = 64}, {}, nullptr, {});
  ASSERT_EQ(result.notes.size(), 1u);
  // 96 x 150 of it and 36 x 70 of the neck.
  EXPECT_THAT(result.notes[0], testing::StartsWith("85 % of the visible subject"));
  EXPECT_THAT(result.notes[0], testing::HasSubstr("--mask-threshold 0.20"));
  EXPECT_THAT(
      cut_out(with_alpha(plain(256, 256, 3, kRed), mask), {.threshold = 0.2f, .side = 64}, {}, nullptr, {})
          .notes,
      testing::ElementsAre(testing::HasSubstr("see-through, like glass")));  // which is kept, and opaque
}

TEST(SeeThrough, ASoftEdgeIsNothingToTell) {
  EXPECT_EQ(see_through_of(rounded(256, 256, 30, 90), 0.5f).share, 0);
}

TEST(SeeThrough, AWideSoftEdgeIsNothingToTell) { EXPECT_EQ(see_through_of(soft_disc(), 0.5f).share, 0); }

TEST(MaskFromPicture, AnAlphaThatCutsNothingOutGivesWayToTheGrey) {
  Mask opaque(40, 40, 1), grey(40, 40);
  fill(grey, {10, 10, 30, 30});
  Image image(40, 40, 4, 1);
  for (size_t i = 0; i < grey.values.size(); ++i) std::fill_n(&image.pixels[4 * i], 3, grey.values[i]);
  EXPECT_EQ(mask_from_picture(image).values, grey.values);
}

TEST(MaskFromPicture, AnAlphaThatCutsSomethingOutIsTheMask) {
  Mask mask(40, 40);
  fill(mask, {10, 10, 30, 30});
  constexpr float kBlack[] = {0, 0, 0};
  EXPECT_EQ(mask_from_picture(with_alpha(plain(40, 40, 3, kBlack), mask)).values, mask.values);
}

TEST(GivenMask, OfAnotherShapeIsRefusedWithBothSizes) {
  Mask mask(40, 60, 1);
  try {
    cut_out(plain(400, 300, 3, kRed), {.source = MaskSource::kGiven}, mask, nullptr, {});
    ADD_FAILURE() << "it was stretched";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidImage);
    EXPECT_THAT(error.message(), testing::HasSubstr("40 x 60"));
    EXPECT_THAT(error.message(), testing::HasSubstr("400 x 300"));
  }
}

TEST(GivenMask, OfTheShapeButForRoundingIsTaken) {
  Mask mask(333, 250, 0);
  fill(mask, {100, 100, 200, 200});
  EXPECT_NO_THROW(cut_out(plain(1000, 750, 3, kRed), {.source = MaskSource::kGiven}, mask, nullptr, {}));
}

TEST(PixelArt, IsEnlargedWithoutSmoothing) {
  Image sprite(16, 16, 4);
  for (int y = 3; y < 13; ++y) {
    for (int x = 3; x < 13; ++x) {
      const float shade = (x + y) % 2 == 0 ? 0.9f : 0.1f;
      const float pixel[] = {shade, shade, shade, 1};
      std::copy_n(pixel, 4, sprite.pixel(x, y));
    }
  }
  const Image result = cut_out(sprite, {.side = 512}, {}, nullptr, {}).foreground.image;
  for (int y = 120; y < 390; ++y) {
    for (int x = 120; x < 390; ++x) {
      const float value = result.pixel(x, y)[0];
      ASSERT_TRUE(std::abs(value - 0.9f) < 1e-5 || std::abs(value - 0.1f) < 1e-5) << value;
    }
  }
}

}  // namespace
}  // namespace relievo
