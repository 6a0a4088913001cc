#include "base/resample.h"

#include <random>

#include <gtest/gtest.h>

namespace relievo {
namespace {

constexpr ResampleFilter kFilters[] = {ResampleFilter::kBilinear, ResampleFilter::kBicubic,
                                       ResampleFilter::kLanczos};

ByteImage row_of(std::vector<uint8_t> values) {
  ByteImage image(static_cast<int>(values.size()), 1, 1);
  image.pixels = std::move(values);
  return image;
}

ByteImage noise(int width, int height) {
  ByteImage image(width, height, 3);
  std::mt19937 random(7);
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(random() & 255);
  return image;
}

TEST(Resample, BilinearWeighsByDistance) {
  // Centres at 0.25, 0.75, 1.25, 1.75; the samples lie at 0.5 and 1.5.
  EXPECT_EQ(resample(row_of({0, 100}), 4, 1, ResampleFilter::kBilinear).pixels,
            (std::vector<uint8_t>{0, 25, 75, 100}));
}

TEST(Resample, BicubicIsKeysCubic) {
  // At 1.75 the samples at 2.5 and 3.5 are 0.75 and 1.75 away: k(0.75) + k(1.75) = 0.2265625 - 0.0234375.
  EXPECT_EQ(resample(row_of({0, 0, 255, 255}), 8, 1, ResampleFilter::kBicubic).pixel(3, 0)[0], 52);
}

TEST(Resample, BicubicDipsBelowAndIsClamped) {
  // At 1.25 the samples at 2.5 and 3.5 are 1.25 and 2.25 away: k(1.25) = -0.0703125.
  EXPECT_EQ(resample(row_of({0, 0, 255, 255}), 8, 1, ResampleFilter::kBicubic).pixel(2, 0)[0], 0);
}

TEST(Resample, ShrinkingAveragesAllSamples) {
  EXPECT_EQ(resample(row_of({0, 0, 0, 0, 240, 240, 240, 240, 0, 0, 0, 0, 240, 240, 240, 240}), 1, 1,
                     ResampleFilter::kBilinear)
                .pixels[0],
            120);
}

TEST(Resample, KeepsAnEvenPicture) {
  for (const ResampleFilter filter : kFilters) {
    for (const auto& [width, height] : {std::pair{3, 40}, {50, 7}, {1, 1}, {20, 9}}) {
      const ByteImage result = resample(ByteImage(20, 15, 4, 201), width, height, filter);
      EXPECT_EQ(result.pixels, ByteImage(width, height, 4, 201).pixels) << width << " x " << height;
    }
  }
}

TEST(Resample, TheSameSizeIsThePictureItself) {
  const ByteImage image = noise(9, 8);
  for (const ResampleFilter filter : kFilters) EXPECT_EQ(resample(image, 9, 8, filter).pixels, image.pixels);
}

TEST(Resample, RowsGoFirst) {
  const ByteImage image = noise(40, 40);
  const ByteImage narrow = resample(image, 20, 40, ResampleFilter::kLanczos);
  EXPECT_EQ(resample(image, 20, 10, ResampleFilter::kLanczos).pixels,
            resample(narrow, 20, 10, ResampleFilter::kLanczos).pixels);
}

TEST(Resample, ColumnsGoFirstWhereTheHeightLosesMoreThanTwiceTheWidth) {
  const ByteImage image = noise(40, 40);
  const ByteImage low = resample(image, 40, 19, ResampleFilter::kLanczos);
  EXPECT_EQ(resample(image, 30, 19, ResampleFilter::kLanczos).pixels,
            resample(low, 30, 19, ResampleFilter::kLanczos).pixels);
}

}  // namespace
}  // namespace relievo
