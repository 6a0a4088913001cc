#include "reconstruct/back_colours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/vectors.h"
#include "kernels/distance_transform.h"
#include "kernels/push_pull.h"
#include "kernels/resample.h"

namespace relievo {
namespace {

// Shares of the picture's side: an outline's rim lies between the first two, the inside beyond the last.
constexpr float kRimBegins = 0.008f, kRimEnds = 0.05f, kInside = 0.06f;
constexpr int kLookedAt = 128;  // pixels a side of the picture in which features are looked for

/// Depths below the outline as shares of the side, `[S, S]`.
std::vector<float> depths(const Image& picture, float least_alpha) {
  std::vector<uint8_t> is_outside(static_cast<size_t>(picture.width) * picture.height);
  for (size_t i = 0; i < is_outside.size(); ++i) is_outside[i] = picture.pixels[4 * i + 3] < least_alpha;
  std::vector<float> depth = kernels::distance_transform(is_outside, picture.width, picture.height);
  for (float& value : depth) value /= static_cast<float>(picture.width);
  return depth;
}

/// The picture with colours grown under its soft edges, at kLookedAt pixels a side.
Image reduced(const Image& picture) {
  const Image grown = kernels::grow_colours(picture);
  Image together(picture.width, picture.height, 4);
  for (size_t i = 0; i < together.pixels.size() / 4; ++i) {
    std::copy_n(&grown.pixels[3 * i], 3, &together.pixels[4 * i]);
    together.pixels[4 * i + 3] = picture.pixels[4 * i + 3];
  }
  Image small(kLookedAt, kLookedAt, 4);
  small.pixels = kernels::resample(together.pixels, picture.width, picture.height, 4, kLookedAt, kLookedAt);
  return small;
}

Float3 colour_of(const Image& picture, size_t pixel) {
  return {picture.pixels[4 * pixel], picture.pixels[4 * pixel + 1], picture.pixels[4 * pixel + 2]};
}

/// Pixels of the rim and of the inside.
struct Regions {
  std::vector<size_t> rim, inside;

  explicit Regions(const std::vector<float>& depth) {
    for (size_t i = 0; i < depth.size(); ++i) {
      if (depth[i] > kInside && depth[i] < 1) inside.push_back(i);
      if (depth[i] > kRimBegins && depth[i] < kRimEnds) rim.push_back(i);
    }
  }
};

/// The share of the inside whose colours the rim has not: the third nearest of its colours is far from them.
double foreign_share(const Image& small, const Regions& regions) {
  constexpr float kFar = 0.1f;
  size_t foreign = 0;
  for (const size_t pixel : regions.inside) {
    const Float3 own = colour_of(small, pixel);
    int near = 0;
    for (size_t i = 0; i < regions.rim.size() && near < 3; ++i)
      near += length(minus(colour_of(small, regions.rim[i]), own)) < kFar;
    foreign += near < 3;
  }
  return static_cast<double>(foreign) / static_cast<double>(regions.inside.size());
}

/// The mean difference of pixels from the mean colour of the subject around them.
double detail(const Image& small, const std::vector<float>& depth, const std::vector<size_t>& pixels) {
  constexpr int kReach = 4;
  double sum = 0;
  for (const size_t pixel : pixels) {
    const int x = static_cast<int>(pixel) % small.width, y = static_cast<int>(pixel) / small.width;
    Float3 mean{};
    float count = 0;
    for (int row = std::max(y - kReach, 0); row <= std::min(y + kReach, small.height - 1); ++row) {
      for (int column = std::max(x - kReach, 0); column <= std::min(x + kReach, small.width - 1); ++column) {
        const size_t other = static_cast<size_t>(row) * small.width + column;
        if (depth[other] <= 0) continue;
        for (size_t c = 0; c < 3; ++c) mean[c] += colour_of(small, other)[c];
        ++count;
      }
    }
    const Float3 off = minus(colour_of(small, pixel), scaled(mean, 1 / count));
    sum += std::max({std::abs(off[0]), std::abs(off[1]), std::abs(off[2])});
  }
  return sum / static_cast<double>(pixels.size());
}

/// Intersection over union of the outline and its mirror image: of a front or a back it is high, of a side
/// low.
double symmetry(const Image& small) {
  double both = 0, either = 0;
  for (int y = 0; y < small.height; ++y) {
    for (int x = 0; x < small.width; ++x) {
      const bool a = small.pixel(x, y)[3] >= 0.5f, b = small.pixel(small.width - 1 - x, y)[3] >= 0.5f;
      both += a && b;
      either += a || b;
    }
  }
  return either > 0 ? both / either : 0;
}

}  // namespace

Image continue_outline(const Image& picture, const CancelToken& cancel) {
  constexpr float kSoft = 0.01f;  // over which the rim's weight falls
  const std::vector<float> depth = depths(picture, 0.5f);
  Image colours(picture.width, picture.height, 3);
  std::vector<float> weights(depth.size());
  for (size_t i = 0; i < depth.size(); ++i) {
    std::copy_n(&picture.pixels[4 * i], 3, &colours.pixels[3 * i]);
    const float from_outside = depth[i] / kRimBegins, from_inside = (kRimEnds + kSoft - depth[i]) / kSoft;
    weights[i] = std::clamp(std::min(from_outside * from_outside, from_inside), 0.0f, 1.0f);
  }
  kernels::push_pull(colours, weights, cancel);
  return colours;
}

bool has_features_inside(const Image& picture) {
  constexpr double kSymmetric = 0.85, kForeign = 0.004, kMuchMoreDetail = 1.3, kLeastDetail = 0.012;
  constexpr float kWhole = 0.9f;  // alpha
  const Image small = reduced(picture);
  const std::vector<float> depth = depths(small, kWhole);
  const Regions regions(depth);
  constexpr size_t kFewest = 60;  // pixels
  if (regions.rim.size() < kFewest || regions.inside.size() < kFewest || symmetry(small) < kSymmetric)
    return false;
  if (foreign_share(small, regions) >= kForeign) return true;
  const double within = detail(small, depth, regions.inside);
  return within >= kLeastDetail && within >= kMuchMoreDetail * detail(small, depth, regions.rim);
}

}  // namespace relievo
