// Stores a texture at all its mip levels.
#pragma once

#include <array>
#include <vector>

#include "base/image.h"

namespace relievo::kernels {

/// A picture of 3 channels and its halves down to one texel (Williams 1983, "Pyramidal Parametrics"), read
/// bilinearly in a level and linearly between two. The picture itself is referred to, not copied, and must
/// stay; the halves take a third of its bytes.
class MipPyramid {
 public:
  enum class Content {
    kColour,     ///< sRGB-encoded; averaged and returned as linear light
    kDirection,  ///< plain numbers, returned as -1..1
  };
  MipPyramid(const ByteImage& picture, Content content);

  int width() const { return base_.width; }
  int height() const { return base_.height; }

  /// Reads at (u, v), origin at the bottom left, clamped at the borders. `level` 0 is the picture, and each
  /// whole step halves it.
  std::array<float, 3> at(double u, double v, double level) const;

 private:
  const ByteImage& level_picture(int level) const { return level == 0 ? base_ : halves_[level - 1]; }
  std::array<float, 3> bilinear(int level, double u, double v) const;

  const ByteImage& base_;
  std::array<float, 256> value_of_;
  std::vector<ByteImage> halves_;
};

}  // namespace relievo::kernels
