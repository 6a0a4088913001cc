#include <cmath>
#include <functional>

#include "samples.h"

namespace relievo {
namespace {

constexpr int kWidth = 6;
constexpr int kHeight = 4;

using Formula = std::function<std::vector<double>(int x, int y)>;

void expect_picture(const Image& image, int channels, const Formula& formula, double tolerance) {
  ASSERT_EQ(image.width, kWidth);
  ASSERT_EQ(image.height, kHeight);
  ASSERT_EQ(image.channels, channels);
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const std::vector<double> expected = formula(x, y);
      for (int c = 0; c < channels; ++c) {
        ASSERT_NEAR(image.pixel(x, y)[c], expected[c], tolerance)
            << "channel " << c << " at " << x << ", " << y;
      }
    }
  }
}

// The formulas of make_formats.py.

std::vector<double> rgba8(int x, int y) {
  return {40 * x / 255.0, 70 * y / 255.0, (255 - 25 * (x + y)) / 255.0, (255 - 50 * x) / 255.0};
}

std::vector<double> rgba16(int x, int y) {
  return {(40 * x * 257 + 1) / 65535.0, (70 * y * 257 + 1) / 65535.0,
          ((255 - 25 * (x + y)) * 257 - 1) / 65535.0, (255 - 50 * x) / 255.0};
}

/// Red for all three.
Formula grey_of(const Formula& formula) {
  return [formula](int x, int y) {
    const std::vector<double> c = formula(x, y);
    return std::vector<double>{c[0], c[0], c[0], c[3]};
  };
}

/// Transparent at the left top pixel only.
Formula keyed(const Formula& formula) {
  return [formula](int x, int y) {
    std::vector<double> c = formula(x, y);
    c[3] = x == 0 && y == 0 ? 0.0 : 1.0;
    return c;
  };
}

// A sixteenth of a step of 16 bits.
constexpr double kExact = 1e-6;

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

TEST(Webp, RefusesAnimation) {
  expect_error(ErrorCode::kInvalidImage, "animation", [] { read_picture(sample("animation.webp")); });
}

/// The light of make_formats.py's OpenEXR files.
std::vector<double> light(int x, int y) { return {x * 0.6, y * 0.25, 0.5, 1 - x / 8.0}; }

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

/// The middles of the four plain corners of make_formats.py's JPEG files, right as the picture is seen.
void expect_corners(const Image& image, const std::vector<std::vector<double>>& colours, double tolerance) {
  ASSERT_EQ(image.width, 32);
  ASSERT_EQ(image.height, 16);
  ASSERT_EQ(image.channels, 3);
  for (int corner = 0; corner < 4; ++corner) {
    const float* pixel = image.pixel(corner % 2 == 0 ? 8 : 24, corner / 2 == 0 ? 4 : 12);
    for (int c = 0; c < 3; ++c)
      EXPECT_NEAR(pixel[c] * 255, colours[corner][c], tolerance) << "corner " << corner;
  }
}

const std::vector<std::vector<double>> kCorners{{200, 40, 30}, {40, 180, 60}, {50, 60, 190}, {220, 210, 70}};

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
