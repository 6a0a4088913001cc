#include "foreground/whole_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/resample.h"

namespace relievo {
namespace {

std::array<int, 2> size_of(int width, int height, int longest) {
  const double scale = std::min(1.0, static_cast<double>(longest) / std::max(width, height));
  return {std::max(1, static_cast<int>(std::lround(width * scale))),
          std::max(1, static_cast<int>(std::lround(height * scale)))};
}

}  // namespace

Image whole_picture(const Image& picture, int longest) {
  const auto [width, height] = size_of(picture.width, picture.height, longest);
  const std::vector<float> pixels =
      kernels::resample(picture.pixels, picture.width, picture.height, picture.channels, width, height);
  Image whole(width, height, 3);
  whole.linear = picture.linear;
  for (size_t i = 0; i < whole.pixels.size() / 3; ++i)
    std::copy_n(&pixels[i * picture.channels], 3, &whole.pixels[3 * i]);
  return whole;
}

Image whole_mask(const Foreground& cut, int width, int height, int longest) {
  const auto [columns, rows] = size_of(width, height, longest);
  const double of_picture = static_cast<double>(width) / columns;
  const double of_cut = static_cast<double>(cut.image.width) / cut.crop.side;
  Image mask(columns, rows, 3);
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; ++x) {
      const double column = ((x + 0.5) * of_picture - cut.crop.x) * of_cut;
      const double row = ((y + 0.5) * of_picture - cut.crop.y) * of_cut;
      if (column < 0 || row < 0 || column >= cut.image.width || row >= cut.image.height) continue;
      std::array<float, 4> colour{};
      kernels::sample_bilinear(cut.image, static_cast<float>(column), static_cast<float>(row), colour.data());
      std::fill_n(mask.pixel(x, y), 3, colour[3]);
    }
  }
  return mask;
}

}  // namespace relievo
