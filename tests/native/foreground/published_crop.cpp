#include "foreground/published_crop.h"

#include <gtest/gtest.h>

#include "samples.h"

namespace relievo {
namespace {

ByteImage subject(int width, int height, const PixelBox& box) {
  ByteImage image(width, height, 4, 0);
  for (int y = box.top; y < box.bottom; ++y) {
    for (int x = box.left; x < box.right; ++x) {
      const uint8_t pixel[] = {static_cast<uint8_t>(x), static_cast<uint8_t>(y), 9, 1};
      std::copy_n(pixel, 4, image.pixel(x, y));
    }
  }
  return image;
}

TEST(PublishedCrop, LeavesTheLastRowAndColumnOut) {
  const ByteImage crop = published_crop(subject(40, 40, {5, 7, 16, 18}), 1.0);
  ASSERT_EQ(crop.width, 10);
  EXPECT_EQ(crop.pixel(0, 0)[0], 5);
  EXPECT_EQ(crop.pixel(9, 9)[0], 14);
  EXPECT_EQ(crop.pixel(9, 9)[1], 16);
}

TEST(PublishedCrop, PadsMoreOnTheRightAndBelow) {
  const ByteImage crop =
      published_crop(subject(40, 40, {5, 7, 16, 15}), 0.85);  // 10 x 7 -> 10 x 10 -> 11 x 11
  ASSERT_EQ(crop.width, 11);
  EXPECT_EQ(crop.pixel(0, 1)[0], 5);  // (10 - 7) / 2 = 1 above, (11 - 10) / 2 = 0 on the left
  EXPECT_EQ(crop.pixel(0, 0)[3], 0);
  EXPECT_EQ(crop.pixel(10, 1)[3], 0);
}

TEST(PublishedCrop, AnEmptyPictureHasNoSubject) {
  EXPECT_EQ(samples::error_of([] { published_crop(ByteImage(5, 5, 4), 0.85); }), ErrorCode::kNoSubject);
}

TEST(PasteOnWhite, RoundsEachByte) {
  ByteImage image(1, 1, 4);
  image.pixels = {0, 100, 255, 51};  // a fifth
  EXPECT_EQ(paste_on_white(image).pixels, (std::vector<uint8_t>{204, 224, 255}));
}

TEST(PublishedCutOut, DarkensSoftEdges) {
  ByteImage colour(1, 1, 3, 200), mask(1, 1, 1, 51);
  EXPECT_EQ(published_cut_out(colour, mask).pixels, (std::vector<uint8_t>{40, 40, 40, 51}));
}

}  // namespace
}  // namespace relievo
