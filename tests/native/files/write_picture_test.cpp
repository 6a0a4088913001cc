#include <cmath>

#include "samples.h"

namespace relievo {
namespace {

/// Every multiple of 1/255 in some channel.
Image ramp(int channels) {
  Image image(16, 16, channels);
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<float>(i % 256) / 255.0f;
  return image;
}

void expect_same(const Image& image, const Image& expected, float tolerance) {
  ASSERT_EQ(image.width, expected.width);
  ASSERT_EQ(image.height, expected.height);
  ASSERT_EQ(image.channels, expected.channels);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    ASSERT_NEAR(image.pixels[i], expected.pixels[i], tolerance) << "sample " << i;
  }
}

Image written_and_read(const std::string& file_name, const Image& image) {
  const ScratchFolder folder;
  write_picture(folder / file_name, image);
  return read_picture(folder / file_name);
}

TEST(WritePicture, PngKeepsEveryByte) { expect_same(written_and_read("a.png", ramp(3)), ramp(3), 0); }

TEST(WritePicture, PngKeepsEveryByteWithAlpha) {
  expect_same(written_and_read("a.png", ramp(4)), ramp(4), 0);
}

TEST(WritePicture, WebpKeepsEveryByte) { expect_same(written_and_read("a.webp", ramp(3)), ramp(3), 0); }

TEST(WritePicture, WebpKeepsEveryByteWithAlpha) {
  expect_same(written_and_read("a.webp", ramp(4)), ramp(4), 0);
}

TEST(WritePicture, WebpKeepsColoursUnderTransparentPixels) {
  Image hidden = ramp(4);
  for (size_t i = 3; i < hidden.pixels.size(); i += 8) hidden.pixels[i] = 0;
  expect_same(written_and_read("a.webp", hidden), hidden, 0);
}

TEST(WritePicture, JpegIsCloseToThePicture) {
  Image smooth(32, 32, 3);
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) {
      smooth.pixel(x, y)[0] = static_cast<float>(x) / 31.0f;
      smooth.pixel(x, y)[1] = static_cast<float>(y) / 31.0f;
    }
  }
  expect_same(written_and_read("a.jpg", smooth), smooth, 0.03f);
}

TEST(WritePicture, JpegDropsAlphaOntoWhite) {
  Image red(8, 8, 4);
  for (size_t i = 0; i < red.pixels.size(); i += 4) {
    red.pixels[i] = 1;
    red.pixels[i + 3] = 0.6f;
  }
  Image pink(8, 8, 3, 0.4f);
  for (size_t i = 0; i < pink.pixels.size(); i += 3) pink.pixels[i] = 1;
  expect_same(written_and_read("a.jpeg", red), pink, 0.01f);
}

TEST(WritePicture, ExrKeepsLightAboveOne) {
  Image light(3, 2, 3, 7.25f);
  light.linear = true;
  expect_same(written_and_read("a.exr", light), light, 0);
}

TEST(WritePicture, ExrKeepsStraightColours) {
  Image glass(3, 2, 4, 0.5f);
  glass.linear = true;
  expect_same(written_and_read("a.exr", glass), glass, 0);
}

TEST(WritePicture, ExrHoldsTheLightOfEncodedColours) {
  // IEC 61966-2-1: an encoded 0.5 is 0.214041 of the light.
  Image expected(3, 2, 3, 0.214041f);
  expect_same(written_and_read("a.exr", Image(3, 2, 3, 0.5f)), expected, 1e-4f);
}

TEST(WritePicture, ExrHoldsTheBrightestHalfForWhatIsBrighter) {
  Image sun(2, 2, 3, 1e6f);
  sun.linear = true;
  expect_same(written_and_read("a.exr", sun), Image(2, 2, 3, 65504.0f), 0);
}

TEST(WritePicture, PngOfLinearLightIsEncoded) {
  Image light(2, 2, 3, 0.214041f);
  light.linear = true;
  expect_same(written_and_read("a.png", light), Image(2, 2, 3, 0.5f), 0.5f / 255);
}

TEST(WritePicture, TakesExtensionsInAnyCase) {
  const ScratchFolder folder;
  write_picture(folder / "A.PnG", ramp(3));
  EXPECT_EQ(text_of(folder / "A.PnG").substr(1, 3), "PNG");
}

TEST(WritePicture, RefusesAnotherExtension) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidSettings, ".gif", [&] { write_picture(folder / "a.gif", ramp(3)); });
}

TEST(WritePicture, RefusesWhatWebpCannotHold) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidSettings, "16384 x 1",
               [&] { write_picture(folder / "a.webp", Image(16384, 1, 3)); });
}

TEST(WritePicture, RefusesWhatJpegCannotHold) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kInvalidSettings, "65501 x 1",
               [&] { write_picture(folder / "a.jpg", Image(65501, 1, 3)); });
}

TEST(WritePicture, MissingFolderIsIo) {
  const ScratchFolder folder;
  expect_error(ErrorCode::kIo, "none", [&] { write_picture(folder / "none" / "a.png", ramp(3)); });
}

TEST(EncodePng, TagsColoursAsSrgb) {
  const std::vector<std::byte> png = encode_png(ByteImage(2, 2, 3));
  const std::string text(reinterpret_cast<const char*>(png.data()), png.size());
  EXPECT_NE(text.find("sRGB"), std::string::npos);
}

TEST(EncodePng, WritesOneChannelAsGrey) {
  const Image grey = read_picture(encode_png(ByteImage(2, 2, 1, 51)), "grey");
  expect_same(grey, Image(2, 2, 3, 0.2f), 1e-6f);
}

}  // namespace
}  // namespace relievo
