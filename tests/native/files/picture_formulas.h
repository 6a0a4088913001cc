// The content of the sample pictures, by the formulas of make_formats.py.
#pragma once

#include <functional>
#include <vector>

#include "samples.h"

namespace relievo {

constexpr int kWidth = 6;
constexpr int kHeight = 4;

using Formula = std::function<std::vector<double>(int x, int y)>;

inline void expect_picture(const Image& image, int channels, const Formula& formula, double tolerance) {
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

inline std::vector<double> rgba8(int x, int y) {
  return {40 * x / 255.0, 70 * y / 255.0, (255 - 25 * (x + y)) / 255.0, (255 - 50 * x) / 255.0};
}

inline std::vector<double> rgba16(int x, int y) {
  return {(40 * x * 257 + 1) / 65535.0, (70 * y * 257 + 1) / 65535.0,
          ((255 - 25 * (x + y)) * 257 - 1) / 65535.0, (255 - 50 * x) / 255.0};
}

/// Returns red for all three channels.
inline Formula grey_of(const Formula& formula) {
  return [formula](int x, int y) {
    const std::vector<double> c = formula(x, y);
    return std::vector<double>{c[0], c[0], c[0], c[3]};
  };
}

/// Transparent at the left top pixel only.
inline Formula keyed(const Formula& formula) {
  return [formula](int x, int y) {
    std::vector<double> c = formula(x, y);
    c[3] = x == 0 && y == 0 ? 0.0 : 1.0;
    return c;
  };
}

// A sixteenth of a step of 16 bits.
constexpr double kExact = 1e-6;

/// The light of make_formats.py's OpenEXR files.
inline std::vector<double> light(int x, int y) { return {x * 0.6, y * 0.25, 0.5, 1 - x / 8.0}; }

/// The middles of the four plain corners of make_formats.py's JPEG files, right as the picture is seen.
inline void expect_corners(const Image& image, const std::vector<std::vector<double>>& colours,
                           double tolerance) {
  ASSERT_EQ(image.width % 32, 0);
  ASSERT_EQ(image.height * 2, image.width);
  ASSERT_GE(image.channels, 3);
  for (int corner = 0; corner < 4; ++corner) {
    const float* pixel = image.pixel(image.width * (corner % 2 == 0 ? 1 : 3) / 4,
                                     image.height * (corner / 2 == 0 ? 1 : 3) / 4);
    for (int c = 0; c < 3; ++c)
      EXPECT_NEAR(pixel[c] * 255, colours[corner][c], tolerance) << "corner " << corner;
  }
}

inline const std::vector<std::vector<double>> kCorners{
    {200, 40, 30}, {40, 180, 60}, {50, 60, 190}, {220, 210, 70}};

}  // namespace relievo
