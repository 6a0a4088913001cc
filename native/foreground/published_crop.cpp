#include "foreground/published_crop.h"

#include <algorithm>

#include "base/error.h"
#include "base/resample.h"
#include "foreground/subject_map.h"

namespace relievo {
ByteImage published_crop(const ByteImage& rgba, double ratio) {
  int left = rgba.width, top = rgba.height, right = -1, bottom = -1;
  for (int y = 0; y < rgba.height; ++y) {
    for (int x = 0; x < rgba.width; ++x) {
      if (rgba.pixel(x, y)[3] == 0) continue;
      left = std::min(left, x);
      right = std::max(right, x);
      top = std::min(top, y);
      bottom = std::max(bottom, y);
    }
  }
  if (right < 0) {
    throw Error(ErrorCode::kNoSubject, "The picture is transparent everywhere.",
                "Choose a picture that shows something.");
  }
  const int width = right - left, height = bottom - top;
  const int square = std::max(width, height);
  const int side = static_cast<int>(square / ratio);
  const int margin = (side - square) / 2;
  const int x = margin + (square - width) / 2, y = margin + (square - height) / 2;
  ByteImage result(side, side, 4);
  for (int row = 0; row < height && width > 0; ++row) {
    std::copy_n(rgba.pixel(left, top + row), 4 * width, result.pixel(x, y + row));
  }
  return result;
}

ByteImage published_mask(const Mask& map, int width, int height) {
  const Mask full = stretched(map);
  ByteImage bytes(map.width, map.height, 1);
  std::transform(full.values.begin(), full.values.end(), bytes.pixels.begin(),
                 [](float value) { return static_cast<uint8_t>(value * 255.0f); });
  return resample(bytes, width, height, ResampleFilter::kLanczos);
}

ByteImage published_cut_out(const ByteImage& rgb, const ByteImage& mask) {
  ByteImage rgba(rgb.width, rgb.height, 4);
  for (size_t i = 0; i < mask.pixels.size(); ++i) {
    const int alpha = mask.pixels[i];
    for (int c = 0; c < 3; ++c) {
      rgba.pixels[4 * i + c] = static_cast<uint8_t>(over_255(rgb.pixels[3 * i + c] * alpha));
    }
    rgba.pixels[4 * i + 3] = mask.pixels[i];
  }
  return rgba;
}

}  // namespace relievo
