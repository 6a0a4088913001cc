#include <cmath>

#include "picture_formulas.h"

namespace relievo {
namespace {

TEST(Png, Reads8BitColour) { expect_picture(read_picture(sample("rgb8.png")), 3, rgba8, kExact); }

TEST(Png, Reads8BitColourWithAlpha) { expect_picture(read_picture(sample("rgba8.png")), 4, rgba8, kExact); }

TEST(Png, Reads8BitGrey) { expect_picture(read_picture(sample("grey8.png")), 3, grey_of(rgba8), kExact); }

TEST(Png, Reads8BitGreyWithAlpha) {
  expect_picture(read_picture(sample("grey_alpha8.png")), 4, grey_of(rgba8), kExact);
}

TEST(Png, KeepsThePrecisionOf16BitColour) {
  expect_picture(read_picture(sample("rgb16.png")), 3, rgba16, kExact);
}

TEST(Png, KeepsThePrecisionOf16BitColourWithAlpha) {
  expect_picture(read_picture(sample("rgba16.png")), 4, rgba16, kExact);
}

TEST(Png, KeepsThePrecisionOf16BitGrey) {
  expect_picture(read_picture(sample("grey16.png")), 3, grey_of(rgba16), kExact);
}

TEST(Png, KeepsThePrecisionOf16BitGreyWithAlpha) {
  expect_picture(read_picture(sample("grey_alpha16.png")), 4, grey_of(rgba16), kExact);
}

TEST(Png, Spreads1BitGreyToBlackAndWhite) {
  const Formula board = [](int x, int y) { return std::vector<double>(3, (x + y) % 2); };
  expect_picture(read_picture(sample("grey1.png")), 3, board, kExact);
}

TEST(Png, ReadsInterlaced) { expect_picture(read_picture(sample("rgb8_interlaced.png")), 3, rgba8, kExact); }

TEST(Png, ReadsPalette) { expect_picture(read_picture(sample("palette.png")), 3, rgba8, kExact); }

TEST(Png, ReadsPaletteWithAlphaForSomeEntries) {
  const Formula half = [](int x, int y) {
    std::vector<double> c = rgba8(x, y);
    if (y >= kHeight / 2) c[3] = 1;
    return c;
  };
  expect_picture(read_picture(sample("palette_alpha.png")), 4, half, kExact);
}

TEST(Png, MakesTheKeyColourTransparent) {
  expect_picture(read_picture(sample("rgb8_key.png")), 4, keyed(rgba8), kExact);
}

TEST(Png, MakesThe16BitKeyColourTransparent) {
  expect_picture(read_picture(sample("rgb16_key.png")), 4, keyed(rgba16), kExact);
}

TEST(Png, IsSrgbEncoded) { EXPECT_FALSE(read_picture(sample("rgb8.png")).linear); }

TEST(Webp, ReadsLosslessColour) { expect_picture(read_picture(sample("rgb.webp")), 3, rgba8, kExact); }

TEST(Webp, ReadsAlpha) { expect_picture(read_picture(sample("rgba.webp")), 4, rgba8, kExact); }

TEST(Webp, TakesTheFirstPictureOfAnAnimationAndSaysSo) {
  std::vector<std::string> notes;
  expect_picture(read_picture(sample("animation.webp"), noting(notes)), 3, rgba8, kExact);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("an animation; its first picture"), std::string::npos) << notes[0];
}

TEST(Exr, ReadsHalf) { expect_picture(read_picture(sample("rgb_half.exr")), 3, light, 1e-3); }

TEST(Exr, ReadsFloatFromADataWindowAwayFromTheOrigin) {
  expect_picture(read_picture(sample("rgb_float.exr")), 3, light, kExact);
}

TEST(Exr, DividesByAlpha) { expect_picture(read_picture(sample("rgba_float.exr")), 4, light, kExact); }

TEST(Exr, ReadsLuminanceAsGrey) {
  expect_picture(read_picture(sample("luminance.exr")), 3, grey_of(light), kExact);
}

TEST(Exr, IsLinear) { EXPECT_TRUE(read_picture(sample("rgb_half.exr")).linear); }

TEST(Exr, NamesWhereNotANumberIs) {
  expect_error(ErrorCode::kInvalidImage, "(NaN) at column 5, row 2", [] { read_picture(sample("nan.exr")); });
}

TEST(Exr, NamesWhereInfinityIs) {
  expect_error(ErrorCode::kInvalidImage, "infinite value at column 5, row 2",
               [] { read_picture(sample("infinite.exr")); });
}

TEST(Exr, NamesTheChannelsThatAreNoColours) {
  expect_error(ErrorCode::kInvalidImage, "Y alone, but: Z", [] { read_picture(sample("depth.exr")); });
}

TEST(Exr, RefusesLuminanceWithChroma) {
  expect_error(ErrorCode::kInvalidImage, "BY, RY, Y", [] { read_picture(sample("chroma.exr")); });
}

TEST(Exr, RefusesIntegers) {
  expect_error(ErrorCode::kInvalidImage, "integers", [] { read_picture(sample("integers.exr")); });
}

// Colour conversion and quantisation at quality 100 are off by at most 2.
constexpr double kJpegTolerance = 2.5;

TEST(Jpeg, ReadsColour) { expect_corners(read_picture(sample("rgb.jpg")), kCorners, kJpegTolerance); }

TEST(Jpeg, ReadsProgressive) {
  expect_corners(read_picture(sample("progressive.jpg")), kCorners, kJpegTolerance);
}

TEST(Jpeg, ReadsGreyAsThreeChannels) {
  std::vector<std::vector<double>> grey;
  for (const auto& c : kCorners) grey.emplace_back(3, 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2]);
  expect_corners(read_picture(sample("grey.jpg")), grey, kJpegTolerance);
}

TEST(Jpeg, ReadsAdobesInvertedInks) {
  expect_corners(read_picture(sample("cmyk.jpg")), kCorners, kJpegTolerance);
}

TEST(Jpeg, ReadsPlainInks) {
  expect_corners(read_picture(sample("cmyk_plain.jpg")), kCorners, kJpegTolerance);
}

TEST(Webp, ReadsLossy) {
  // Colour is stored at half the resolution and coarsely quantised.
  expect_corners(read_picture(sample("lossy.webp")), kCorners, 8);
}

class Orientation : public testing::TestWithParam<int> {};

TEST_P(Orientation, IsTurnedUpright) {
  const std::string name = "orientation_" + std::string(1, static_cast<char>('0' + GetParam())) + ".jpg";
  expect_corners(read_picture(sample(name)), kCorners, kJpegTolerance);
}

INSTANTIATE_TEST_SUITE_P(Jpeg, Orientation, testing::Range(1, 9));

}  // namespace
}  // namespace relievo
