// The colours of a shape of one picture: the picture's own in front, and behind its plane those of the back.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/image.h"
#include "kernels/resample.h"

namespace relievo {

class FrontAndBack {
 public:
  /// Square pictures over the model box -1..1 as the front shows it; `back` may be empty, where it has the
  /// front's colours.
  FrontAndBack(Image front, Image back) : front_(std::move(front)), back_(std::move(back)) {}

  /// Writes the colour of a point (x, y, z) of the model box.
  void at(const float* point, float* colour) const {
    constexpr float kBorder = 0.02f;  // box units, over which front and back pass into one another
    sample(front_, point, colour);
    if (back_.empty() || point[0] >= kBorder) return;
    float behind[3];
    sample(back_, point, behind);
    const float part = std::clamp((kBorder - point[0]) / (2 * kBorder), 0.0f, 1.0f);
    for (int c = 0; c < 3; ++c) colour[c] = std::lerp(colour[c], behind[c], part);
  }

 private:
  static void sample(const Image& picture, const float* point, float* colour) {
    const float half = static_cast<float>(picture.width) / 2;
    kernels::sample_bilinear(picture, (1 + point[1]) * half, (1 - point[2]) * half, colour);
  }

  Image front_, back_;
};

}  // namespace relievo
