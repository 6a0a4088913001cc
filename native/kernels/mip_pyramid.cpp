#include "kernels/mip_pyramid.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

ByteImage halved(const ByteImage& picture, MipPyramid::Content content,
                 const std::array<float, 256>& value_of) {
  ByteImage half(std::max(picture.width / 2, 1), std::max(picture.height / 2, 1), 3);
  parallel_for(half.height, 64, [&](int64_t first, int64_t last) {
    for (int y = static_cast<int>(first); y < last; ++y) {
      // The last row or column of an odd size is averaged together with its neighbours.
      const int top = 2 * y, bottom = y + 1 == half.height ? picture.height : 2 * y + 2;
      for (int x = 0; x < half.width; ++x) {
        const int left = 2 * x, right = x + 1 == half.width ? picture.width : 2 * x + 2;
        std::array<float, 3> sum{};
        for (int row = top; row < bottom; ++row) {
          for (int column = left; column < right; ++column) {
            for (int c = 0; c < 3; ++c) sum[c] += value_of[picture.pixel(column, row)[c]];
          }
        }
        for (int c = 0; c < 3; ++c) {
          const float mean = sum[c] / static_cast<float>((bottom - top) * (right - left));
          const float stored =
              content == MipPyramid::Content::kColour ? srgb_from_linear(mean) : (mean + 1) / 2;
          half.pixel(x, y)[c] = static_cast<uint8_t>(std::lround(std::clamp(stored, 0.0f, 1.0f) * 255.0f));
        }
      }
    }
  });
  return half;
}

}  // namespace

MipPyramid::MipPyramid(const ByteImage& picture, Content content) : base_(picture) {
  for (int i = 0; i < 256; ++i) {
    const float unit = static_cast<float>(i) / 255.0f;
    value_of_[i] = content == Content::kColour ? linear_from_srgb(unit) : 2 * unit - 1;
  }
  while (level_picture(static_cast<int>(halves_.size())).width > 1 ||
         level_picture(static_cast<int>(halves_.size())).height > 1) {
    halves_.push_back(halved(level_picture(static_cast<int>(halves_.size())), content, value_of_));
  }
}

std::array<float, 3> MipPyramid::bilinear(int level, double u, double v) const {
  const ByteImage& picture = level_picture(level);
  const double x = std::clamp(u * picture.width - 0.5, 0.0, picture.width - 1.0);
  const double y = std::clamp((1 - v) * picture.height - 0.5, 0.0, picture.height - 1.0);
  const int left = static_cast<int>(x), top = static_cast<int>(y);
  const int right = std::min(left + 1, picture.width - 1), bottom = std::min(top + 1, picture.height - 1);
  const auto across = static_cast<float>(x - left), down = static_cast<float>(y - top);
  std::array<float, 3> value;
  for (int c = 0; c < 3; ++c) {
    const float above = value_of_[picture.pixel(left, top)[c]] * (1 - across) +
                        value_of_[picture.pixel(right, top)[c]] * across;
    const float below = value_of_[picture.pixel(left, bottom)[c]] * (1 - across) +
                        value_of_[picture.pixel(right, bottom)[c]] * across;
    value[c] = above * (1 - down) + below * down;
  }
  return value;
}

std::array<float, 3> MipPyramid::at(double u, double v, double level) const {
  const double clamped = std::clamp(level, 0.0, static_cast<double>(halves_.size()));
  const int fine = static_cast<int>(clamped);
  const auto part = static_cast<float>(clamped - fine);
  std::array<float, 3> value = bilinear(fine, u, v);
  if (part == 0) return value;
  const std::array<float, 3> coarse = bilinear(fine + 1, u, v);
  for (int c = 0; c < 3; ++c) value[c] = value[c] * (1 - part) + coarse[c] * part;
  return value;
}

}  // namespace relievo::kernels
