#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "foreground/foreground.h"
#include "samples.h"

namespace relievo {
namespace {

using samples::alpha_of;
using samples::error_of;
using samples::fill;
using samples::plain;
using samples::with_alpha;

constexpr float kRed[] = {0.9f, 0.2f, 0.1f};
constexpr float kGreen[] = {0.0f, 1.0f, 0.0f};

Foreground cut(const Image& picture, const ForegroundSettings& settings = {.side = 200},
               const std::optional<Mask>& given = {}) {
  return cut_out(picture, settings, given, nullptr, {}).foreground;
}

Mask box_mask(int width, int height, const PixelBox& box) {
  Mask mask(width, height);
  fill(mask, box);
  return mask;
}

TEST(Crop, KeepsAspectAndCentres) {
  const Image picture = with_alpha(plain(400, 300, 3, kRed), box_mask(400, 300, {30, 40, 230, 140}));
  const Foreground result = cut(picture);
  const std::optional<Subject> subject = subject_of(alpha_of(result.image));
  ASSERT_TRUE(subject);
  const PixelBox& box = subject->box;
  EXPECT_NEAR(box.right - box.left, 0.85 * 200, 1);
  EXPECT_NEAR(box.bottom - box.top, 0.85 * 100, 1);
  EXPECT_NEAR((box.left + box.right) / 2.0, 100, 1);
  EXPECT_NEAR((box.top + box.bottom) / 2.0, 100, 1);
}

TEST(Crop, SmallPartsOutsideItAreCounted) {
  Mask mask = box_mask(400, 400, {100, 100, 300, 300});  // 40,000 pixels
  fill(mask, {0, 0, 18, 20});                            // 360, outside
  fill(mask, {380, 0, 398, 20});
  fill(mask, {305, 200, 309, 210});  // beside the subject, and so in the cut-out
  const CutOut made = cut_out(with_alpha(plain(400, 400, 3, kRed), mask), {.side = 200}, {}, nullptr, {});
  ASSERT_EQ(made.notes.size(), 1u);
  EXPECT_NE(made.notes[0].find("2 small parts of the mask, 1.8 % of its area,"), std::string::npos)
      << made.notes[0];
}

TEST(Crop, OfWhatLiesInItNothingIsSaid) {
  Mask mask = box_mask(400, 400, {100, 100, 300, 300});
  fill(mask, {305, 200, 309, 210});
  EXPECT_TRUE(
      cut_out(with_alpha(plain(400, 400, 3, kRed), mask), {.side = 200}, {}, nullptr, {}).notes.empty());
}

TEST(Crop, TellsWhichSquareOfThePictureItIs) {
  const Image picture = with_alpha(plain(400, 300, 3, kRed), box_mask(400, 300, {30, 40, 230, 140}));
  const Crop crop = cut(picture).crop;
  EXPECT_NEAR(crop.side, 200 / 0.85, 0.5);
  EXPECT_NEAR(crop.x + crop.side / 2.0, 130, 1);
  EXPECT_NEAR(crop.y + crop.side / 2.0, 90, 1);
}

TEST(Crop, ShowsThePictureWhereItSays) {
  Image picture = with_alpha(plain(300, 300, 3, kRed), Mask(300, 300, 1));
  for (int y = 0; y < 300; ++y) {
    for (int x = 0; x < 300; ++x) {
      picture.pixel(x, y)[0] = static_cast<float>(x) / 300;
      picture.pixel(x, y)[1] = static_cast<float>(y) / 300;
      if (x < 50 || x >= 170 || y < 100 || y >= 180) picture.pixel(x, y)[3] = 0;
    }
  }
  const Foreground result = cut(picture);
  const float* pixel = result.image.pixel(60, 90);
  const double scale = result.crop.side / 200.0;
  EXPECT_NEAR(pixel[0] * 300, result.crop.x + 60.5 * scale - 0.5, 0.01);
  EXPECT_NEAR(pixel[1] * 300, result.crop.y + 90.5 * scale - 0.5, 0.01);
}

TEST(Crop, ASpeckFarAwayDoesNotDecideIt) {
  Mask mask = box_mask(400, 300, {100, 100, 200, 200});
  mask.at(390, 290) = 1;
  const Crop crop = cut(with_alpha(plain(400, 300, 3, kRed), mask)).crop;
  EXPECT_NEAR(crop.side, 100 / 0.85, 0.5);
}

TEST(Crop, ReachesOverThePicturesBorder) {
  // Of its own accord one row at the border would count as a frame.
  const Foreground result = cut(with_alpha(plain(100, 50, 3, kRed), box_mask(100, 50, {0, 0, 100, 49})),
                                {.source = MaskSource::kAlpha, .side = 200});
  EXPECT_LT(result.crop.x, 0);
  EXPECT_EQ(result.image.pixel(0, 100)[3], 0);
  EXPECT_FLOAT_EQ(result.image.pixel(100, 100)[3], 1);  // a sum of rounded weights
}

TEST(CutOut, BackgroundDoesNotBleedIntoTheEdge) {
  Image picture = plain(301, 301, 3, kGreen);
  Mask mask(301, 301);
  for (int y = 0; y < 301; ++y) {
    for (int x = 0; x < 301; ++x) {
      if (std::hypot(x - 150, y - 150) > 120) continue;
      mask.at(x, y) = 1;
      std::copy_n(kRed, 3, picture.pixel(x, y));
    }
  }
  for (const int side : {64, 500}) {
    const Image result = cut(picture, {.source = MaskSource::kGiven, .side = side}, mask).image;
    float most_green = 0;
    for (size_t i = 0; i < result.pixels.size(); i += 4) {
      if (result.pixels[i + 3] > 0) most_green = std::max(most_green, result.pixels[i + 1]);
    }
    EXPECT_NEAR(most_green, kRed[1], 1e-3) << side;
  }
}

TEST(CutOut, SoftEdgesAreNotDarkened) {
  Mask mask = box_mask(100, 100, {20, 20, 80, 80});
  fill(mask, {20, 20, 30, 80}, 0.3f);
  const Image result = cut(with_alpha(plain(100, 100, 3, kRed), mask)).image;
  int soft = 0;
  for (size_t i = 0; i < result.pixels.size(); i += 4) {
    if (result.pixels[i + 3] < 0.25f || result.pixels[i + 3] > 0.35f) continue;
    ++soft;
    EXPECT_NEAR(result.pixels[i], kRed[0], 1e-4);
  }
  EXPECT_GT(soft, 1000);
}

TEST(CutOut, InvertSwapsAnAlphaChannel) {
  const Mask mask = box_mask(100, 80, {10, 20, 60, 70});
  Mask swapped = mask;
  for (float& value : swapped.values) value = 1 - value;
  const Image picture = plain(100, 80, 3, kRed);
  const Foreground plain_one = cut(with_alpha(picture, mask));
  const Foreground inverted = cut(with_alpha(picture, swapped), {.invert = true, .side = 200});
  EXPECT_EQ(inverted.image.pixels, plain_one.image.pixels);
  EXPECT_EQ(inverted.crop.x, plain_one.crop.x);
}

TEST(CutOut, InvertSwapsAGivenMask) {
  const Mask mask = box_mask(100, 80, {10, 20, 60, 70});
  Mask swapped = mask;
  for (float& value : swapped.values) value = 1 - value;
  const Image picture = plain(100, 80, 3, kRed);
  EXPECT_EQ(cut(picture, {.source = MaskSource::kGiven, .invert = true, .side = 99}, swapped).image.pixels,
            cut(picture, {.source = MaskSource::kGiven, .side = 99}, mask).image.pixels);
}

TEST(CutOut, TheThresholdBecomesTheOutline) {
  Mask mask = box_mask(100, 100, {20, 20, 80, 80});
  fill(mask, {50, 20, 80, 80}, 0.3f);
  const Image picture = with_alpha(plain(100, 100, 3, kRed), mask);
  EXPECT_NEAR(cut(picture, {.threshold = 0.3f, .side = 100}).image.pixel(70, 50)[3], 0.5, 1e-3);
  EXPECT_NEAR(cut(picture, {.threshold = 0.6f, .side = 100}).image.pixel(50, 50)[3], 1.0, 1e-3);
}

TEST(CutOut, AMaskBelowTheThresholdIsLeftOutOfTheCrop) {
  Mask mask = box_mask(100, 100, {20, 20, 50, 50});
  fill(mask, {50, 20, 80, 50}, 0.4f);
  const Image picture = with_alpha(plain(100, 100, 3, kRed), mask);
  EXPECT_NEAR(cut(picture, {.threshold = 0.5f, .side = 100}).crop.side, 30 / 0.85, 0.5);
  EXPECT_NEAR(cut(picture, {.threshold = 0.3f, .side = 100}).crop.side, 60 / 0.85, 0.5);
}

TEST(CutOut, AGivenMaskMayHaveAnySize) {
  const Image picture = plain(400, 300, 3, kRed);
  const Mask mask = box_mask(40, 30, {10, 10, 30, 20});  // in the picture: 100..300, 100..200
  const Crop crop = cut(picture, {.source = MaskSource::kGiven, .side = 100}, mask).crop;
  EXPECT_NEAR(crop.x + crop.side / 2.0, 200, 1.5);
  EXPECT_NEAR(crop.y + crop.side / 2.0, 150, 1.5);
  EXPECT_NEAR(crop.side, 200 / 0.85, 2);
}

TEST(CutOut, LinearPicturesAreEncoded) {
  const float light[] = {linear_from_srgb(0.5f), 7.0f, 0.0f};
  Image picture = with_alpha(plain(60, 60, 3, light), box_mask(60, 60, {10, 10, 50, 50}));
  picture.linear = true;
  const Foreground result = cut(picture);
  EXPECT_FALSE(result.image.linear);
  EXPECT_NEAR(result.image.pixel(100, 100)[0], 0.5, 1e-3);
  EXPECT_NEAR(result.image.pixel(100, 100)[1], 1.0, 1e-6);
}

TEST(CutOut, ASinglePixelIsASubject) {
  const Foreground result =
      cut(with_alpha(plain(1, 1, 3, kRed), Mask(1, 1, 1)), {.source = MaskSource::kAlpha, .side = 32});
  EXPECT_GT(result.image.pixel(16, 16)[3], 0.99f);  // half a pixel off the centre
}

TEST(CutOut, AThreadOfAPictureHasASquare) {
  const Foreground result = cut(with_alpha(plain(1, 16384, 3, kRed), box_mask(1, 16384, {0, 0, 1, 16000})));
  EXPECT_NEAR(result.crop.side, 16000 / 0.85, 0.5);
}

TEST(CutOut, AllTransparentIsNoSubject) {
  EXPECT_EQ(error_of([] { cut(plain(30, 30, 4, kRed)); }), ErrorCode::kNoSubject);
}

TEST(CutOut, AlphaThatIsOpaqueEverywhereAsksForTheNetwork) {
  const Image picture = with_alpha(plain(30, 30, 3, kRed), Mask(30, 30, 1));
  EXPECT_EQ(error_of([&] { cut(picture); }), ErrorCode::kModelMissing);
}

TEST(CutOut, AFewSeeThroughPixelsAreNoCutOut) {
  Mask corners(30, 30, 1);
  corners.at(0, 0) = corners.at(29, 0) = 0.2f;  // 2 of 900
  EXPECT_EQ(error_of([&] { cut(with_alpha(plain(30, 30, 3, kRed), corners)); }), ErrorCode::kModelMissing);
  for (int x = 13; x < 18; ++x) corners.at(x, 12) = 0.2f;  // 7 of 900, and not at the corners
  EXPECT_NO_THROW(cut(with_alpha(plain(30, 30, 3, kRed), corners)));
}

TEST(CutOut, AlphaIsMissingWhereItIsAskedFor) {
  EXPECT_EQ(error_of([] { cut(plain(30, 30, 3, kRed), {.source = MaskSource::kAlpha}); }),
            ErrorCode::kInvalidImage);
}

TEST(CutOut, AMaskIsMissingWhereItIsAskedFor) {
  EXPECT_EQ(error_of([] { cut(plain(30, 30, 3, kRed), {.source = MaskSource::kGiven}); }),
            ErrorCode::kInvalidSettings);
}

TEST(CutOut, RefusesValuesThatAreNotFinite) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Image picture = with_alpha(plain(30, 30, 3, kRed), box_mask(30, 30, {5, 5, 20, 20}));
    picture.pixel(29, 29)[1] = bad;
    EXPECT_EQ(error_of([&] { cut(picture); }), ErrorCode::kInvalidImage);
  }
}

TEST(CutOut, RefusesAMaskWithValuesThatAreNotFinite) {
  Mask mask = box_mask(30, 30, {5, 5, 20, 20});
  mask.at(0, 0) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(error_of([&] { cut(plain(30, 30, 3, kRed), {.source = MaskSource::kGiven}, mask); }),
            ErrorCode::kInvalidImage);
}

TEST(CutOut, RefusesAnEmptyPicture) {
  EXPECT_EQ(error_of([] { cut(Image()); }), ErrorCode::kInvalidImage);
}

TEST(CutOut, StopsWhenItIsCancelled) {
  const Image picture = with_alpha(plain(30, 30, 3, kRed), box_mask(30, 30, {5, 5, 20, 20}));
  Execution execution;
  execution.control.cancel.cancel();
  EXPECT_EQ(error_of([&] { cut_out(picture, {}, {}, nullptr, execution); }), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace relievo
