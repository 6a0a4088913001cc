#include <cmath>

#include "files/picture_kinds.h"
#include "picture_formulas.h"

namespace relievo {
namespace {

class SameColours : public testing::TestWithParam<const char*> {};

TEST_P(SameColours, HoweverTheyAreStored) {
  expect_picture(read_picture(sample(GetParam())), 3, rgba8, kExact);
}

INSTANTIATE_TEST_SUITE_P(Tiff, SameColours,
                         testing::Values("rgb8.tif", "rgb8_big_endian.tif", "rgb8_bigtiff.tif",
                                         "rgb8_planes.tif", "rgb8_tiles.tif", "palette.tif", "pages.tif"),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Gif, SameColours, testing::Values("plain.gif", "interlaced.gif", "animation.gif"),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Bmp, SameColours,
                         testing::Values("rgb24.bmp", "rgb24_top_down.bmp", "rgb24_os2.bmp", "palette8.bmp",
                                         "palette8_runs.bmp"),
                         test_name);

/// The formulas of 16 bits.
std::vector<double> rgba16_of_tiff(int x, int y) {
  std::vector<double> c = rgba16(x, y);
  c[3] = (255 - 50 * x) * 257 / 65535.0;
  return c;
}

TEST(Tiff, KeepsThePrecisionOf16BitsWithAlpha) {
  expect_picture(read_picture(sample("rgba16.tif")), 4, rgba16_of_tiff, kExact);
}

TEST(Tiff, DividesByAnAlphaThatIsMultipliedIn) {
  // Where alpha is small, a rounded product tells less: 5/255 at the right.
  expect_picture(read_picture(sample("rgba16_premultiplied.tif")), 4, rgba16_of_tiff, 5e-4);
}

TEST(Tiff, ReadsGrey) { expect_picture(read_picture(sample("grey8.tif")), 3, grey_of(rgba8), kExact); }

TEST(Tiff, ReadsGreyWhoseWhiteIsZero) {
  expect_picture(read_picture(sample("grey16_white_is_zero.tif")), 3, grey_of(rgba16), kExact);
}

TEST(Tiff, ReadsOneBit) {
  const Formula board = [](int x, int y) { return std::vector<double>(3, (x + y) % 2); };
  expect_picture(read_picture(sample("grey1.tif")), 3, board, kExact);
}

TEST(Tiff, ReadsFloatAsLight) {
  const Image image = read_picture(sample("rgb_float.tif"));
  EXPECT_TRUE(image.linear);
  expect_picture(image, 3, light, kExact);
}

TEST(Tiff, ReadsInks) { expect_corners(read_picture(sample("cmyk.tif")), kCorners, 0.5); }

TEST(Tiff, ReadsJpegInside) { expect_corners(read_picture(sample("jpeg.tif")), kCorners, 2.5); }

TEST(Gif, MakesTheKeyColourTransparent) {
  expect_picture(read_picture(sample("transparent.gif")), 4, keyed(rgba8), kExact);
}

TEST(Gif, PutsAPictureWhereItBelongsOnTheScreen) {
  const Image image = read_picture(sample("offset.gif"));
  ASSERT_EQ(image.width, 9);
  ASSERT_EQ(image.height, 7);
  ASSERT_EQ(image.channels, 4);
  EXPECT_EQ(image.pixel(1, 1)[3], 0);
  EXPECT_EQ(image.pixel(8, 1)[3], 0);
  for (int c = 0; c < 3; ++c) EXPECT_NEAR(image.pixel(2 + 5, 1 + 3)[c], rgba8(5, 3)[c], kExact);
  EXPECT_EQ(image.pixel(2 + 5, 1 + 3)[3], 1);
}

TEST(Bmp, ReadsOneBit) {
  const Formula board = [](int x, int y) { return std::vector<double>(3, (x + y) % 2); };
  expect_picture(read_picture(sample("grey1.bmp")), 3, board, kExact);
}

TEST(Bmp, ReadsAlphaByItsMask) { expect_picture(read_picture(sample("rgba32.bmp")), 4, rgba8, kExact); }

TEST(Bmp, SpreadsFiveAndSixBits) {
  const Formula few = [](int x, int y) {
    const std::vector<double> c = rgba8(x, y);
    return std::vector<double>{std::floor(c[0] * 255 / 8) / 31, std::floor(c[1] * 255 / 4) / 63,
                               std::floor(c[2] * 255 / 8) / 31};
  };
  expect_picture(read_picture(sample("rgb565.bmp")), 3, few, kExact);
}

class Heif : public testing::TestWithParam<const char*> {};

// Coded with loss, at quality 95 and full resolution of colour.
TEST_P(Heif, ReadsColour) { expect_corners(read_picture(sample(GetParam())), kCorners, 4); }

INSTANTIATE_TEST_SUITE_P(Files, Heif, testing::Values("rgb.heic", "rgb.avif"), test_name);

TEST(Heif, ReadsAlpha) {
  for (const char* name : {"rgba.heic", "rgba.avif"}) {
    const Image image = read_picture(sample(name));
    ASSERT_EQ(image.channels, 4) << name;
    EXPECT_NEAR(image.pixel(20, 20)[3], 1, 0.02) << name;
    EXPECT_NEAR(image.pixel(110, 20)[3], 0, 0.02) << name;
    EXPECT_NEAR(image.pixel(20, 20)[0] * 255, 200, 4) << name;
  }
}

class UprightToo : public testing::TestWithParam<const char*> {};

TEST_P(UprightToo, IsTurnedAsItsFileSays) { expect_corners(read_picture(sample(GetParam())), kCorners, 4); }

INSTANTIATE_TEST_SUITE_P(Formats, UprightToo,
                         testing::Values("orientation_6.png", "orientation_6.webp", "orientation_6.tif",
                                         "orientation_6.avif"),
                         test_name);

TEST(SeveralPictures, TheFirstIsTakenAndThatIsSaid) {
  for (const char* name : {"pages.tif", "animation.gif"}) {
    std::vector<std::string> notes;
    read_picture(sample(name), noting(notes));
    ASSERT_EQ(notes.size(), 1u) << name;
    EXPECT_NE(notes[0].find("its first picture was taken"), std::string::npos) << notes[0];
  }
}

TEST(PictureKinds, AreToldByTheirEndings) {
  for (const char* name : {"a.png", "a.JPG", "a.jfif", "a.jpe", "a.TIF", "a.tiff", "a.gif", "a.bmp",
                           "IMG_1.HEIC", "a.heif", "a.avif", "a.b.exr", "a.webp", "a.jpeg"}) {
    EXPECT_TRUE(has_picture_ending(name)) << name;
  }
  for (const char* name : {"a.psd", "png", "a.png.txt", "a.", ""})
    EXPECT_FALSE(has_picture_ending(name)) << name;
}

}  // namespace
}  // namespace relievo
