#include "foreground/view_frame.h"

#include <algorithm>
#include <cmath>

#include "foreground/square.h"

namespace relievo {
namespace {

/// The box of alpha 0.5 and more, in pixels of the picture.
struct Box {
  double left, top, right, bottom;
};

Box subject_box(const Foreground& cut) {
  const Image& image = cut.image;
  int left = image.width, top = image.height, right = 0, bottom = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      if (image.pixel(x, y)[3] < 0.5f) continue;
      left = std::min(left, x);
      right = std::max(right, x + 1);
      top = std::min(top, y);
      bottom = std::max(bottom, y + 1);
    }
  }
  const double scale = static_cast<double>(cut.crop.side) / image.width;
  return {cut.crop.x + scale * left, cut.crop.y + scale * top, cut.crop.x + scale * right,
          cut.crop.y + scale * bottom};
}

}  // namespace

double subject_reach(const Foreground& cut, int width, int height) {
  const Box box = subject_box(cut);
  const double x = width / 2.0, y = height / 2.0;
  return std::max({x - box.left, box.right - x, y - box.top, box.bottom - y}) / std::max(x, y);
}

bool is_cut_off(const Foreground& cut, int width, int height) {
  constexpr double kNear = 0.75;
  const Box box = subject_box(cut);
  return box.left < kNear || box.top < kNear || box.right > width - kNear || box.bottom > height - kNear;
}

Image framed_view(const Foreground& cut, int width, int height, double frame, int side,
                  const Control& control) {
  const Image& image = cut.image;
  Mask alpha(image.width, image.height);
  for (size_t i = 0; i < alpha.values.size(); ++i) alpha.values[i] = image.pixels[4 * i + 3];
  const double scale = static_cast<double>(image.width) / cut.crop.side;
  const double half = frame * std::max(width, height) / 2;
  const auto pixels = [&](double value) { return static_cast<int>(std::lround(scale * value)); };
  const Crop square{pixels(width / 2.0 - half - cut.crop.x), pixels(height / 2.0 - half - cut.crop.y),
                    pixels(2 * half)};
  const Image cut_out = resample_square(image, alpha, square, side, control);
  Image view(side, side, 3);
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      const float* from = cut_out.pixel(x, y);
      for (int c = 0; c < 3; ++c) view.pixel(x, y)[c] = std::lerp(1.0f, from[c], from[3]);
    }
  }
  return view;
}

}  // namespace relievo
