// A mixture of Gaussians that describes the colours of a part of a picture.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "base/mesh.h"

namespace relievo {

class ColourMixture {
 public:
  /// Learns from colours and their weights >= 0, as many; those of weight 0 are nothing. Where all weights
  /// are 0, every colour is as likely as any other.
  ColourMixture(std::span<const Float3> colours, std::span<const float> weights);

  /// The negative logarithm of the colour's density, in cubes of side 1.
  float cost(const Float3& colour) const;

 private:
  static constexpr size_t kParts = 5;
  struct Part {
    double share = 0, scale = 0;  // scale: 1 / sqrt((2 pi)^3 determinant)
    std::array<double, 3> mean{};
    std::array<double, 6> inverse{};  // of the covariance: xx, xy, xz, yy, yz, zz
  };
  std::vector<Part> parts_;
};

}  // namespace relievo
