#include "kernels/push_pull.h"

#include <algorithm>
#include <limits>

#include "base/parallel.h"
#include "kernels/distance_transform.h"
#include "kernels/resample.h"

namespace relievo::kernels {
namespace {

// A pixel is taken to show nothing but the subject when its alpha is at least this share of the highest one.
constexpr float kSolid = 0.95f;

// Depths inside the outline, as shares of the picture's width. A solid edge still carries some of the
// background's colour (lenses, JPEG's coarser chroma), so solid pixels count fully only this far inside.
// Pixels that are not solid begin to count at the second depth and count fully at the third.
constexpr float kBleeding = 0.012f;
constexpr float kNearEdge = 0.015f;
constexpr float kWellInside = 0.025f;

constexpr int kGrain = 32;  // rows a thread takes at a time

struct Level {
  Image colours;
  std::vector<float> weights;
};

/// Halves the size, rounding up: each pixel becomes the weighted mean of its up to four finer ones.
Level pull(const Level& fine, const CancelToken& cancel) {
  const Image& in = fine.colours;
  Level coarse{Image((in.width + 1) / 2, (in.height + 1) / 2, in.channels), {}};
  Image& out = coarse.colours;
  coarse.weights.resize(static_cast<size_t>(out.width) * out.height);
  parallel_for(out.height, kGrain, [&](int64_t first, int64_t last) {
    cancel.check();
    for (int y = static_cast<int>(first); y < last; ++y) {
      for (int x = 0; x < out.width; ++x) {
        float sum = 0;
        float* colour = out.pixel(x, y);
        for (int row = 2 * y; row < std::min(2 * y + 2, in.height); ++row) {
          for (int column = 2 * x; column < std::min(2 * x + 2, in.width); ++column) {
            const float weight = fine.weights[static_cast<size_t>(row) * in.width + column];
            if (weight <= 0) continue;
            sum += weight;
            for (int c = 0; c < in.channels; ++c) colour[c] += weight * in.pixel(column, row)[c];
          }
        }
        if (sum > 0) {
          for (int c = 0; c < in.channels; ++c) colour[c] /= sum;
        }
        coarse.weights[static_cast<size_t>(y) * out.width + x] = std::min(sum, 1.0f);
      }
    }
  });
  return coarse;
}

/// Fills in from the complete `coarse` what is missing in `fine`.
void push(const Image& coarse, Image& fine, const std::vector<float>& weights, const CancelToken& cancel) {
  parallel_for(fine.height, kGrain, [&](int64_t first, int64_t last) {
    cancel.check();
    std::vector<float> behind(fine.channels);
    for (int y = static_cast<int>(first); y < last; ++y) {
      for (int x = 0; x < fine.width; ++x) {
        const float weight = weights[static_cast<size_t>(y) * fine.width + x];
        if (weight >= 1) continue;
        sample_bilinear(coarse, (static_cast<float>(x) + 0.5f) / 2, (static_cast<float>(y) + 0.5f) / 2,
                        behind.data());
        float* colour = fine.pixel(x, y);
        for (int c = 0; c < fine.channels; ++c) {
          colour[c] = weight > 0 ? weight * colour[c] + (1 - weight) * behind[c] : behind[c];
        }
      }
    }
  });
}

void fill(Level& level, const CancelToken& cancel) {
  if (level.weights.size() == 1) {
    if (level.weights[0] <= 0) std::ranges::fill(level.colours.pixels, 0.0f);
    return;
  }
  Level coarse = pull(level, cancel);
  fill(coarse, cancel);
  push(coarse.colours, level.colours, level.weights, cancel);
}

/// Computes `[height, width]` how deep each pixel lies inside the region where alpha is at least `threshold`,
/// as a share of the width.
std::vector<float> depth_inside(const Image& picture, float threshold) {
  std::vector<uint8_t> is_outside(static_cast<size_t>(picture.width) * picture.height);
  for (size_t i = 0; i < is_outside.size(); ++i) is_outside[i] = picture.pixels[4 * i + 3] < threshold;
  std::vector<float> depth = distance_transform(is_outside, picture.width, picture.height);
  for (float& value : depth) value /= static_cast<float>(picture.width);
  return depth;
}

}  // namespace

void push_pull(Image& colours, const std::vector<float>& weights, const CancelToken& cancel) {
  Level level{std::move(colours), weights};
  fill(level, cancel);
  colours = std::move(level.colours);
}

Image grow_colours(const Image& picture) {
  Image colours(picture.width, picture.height, 3);
  colours.linear = picture.linear;
  const size_t count = static_cast<size_t>(picture.width) * picture.height;
  float highest = std::numeric_limits<float>::min();
  for (size_t i = 0; i < count; ++i) {
    std::copy_n(&picture.pixels[4 * i], 3, &colours.pixels[3 * i]);
    highest = std::max(highest, picture.pixels[4 * i + 3]);
  }
  const std::vector<float> in_solid = depth_inside(picture, kSolid * highest);
  const std::vector<float> in_mask = depth_inside(picture, 0.5f);
  std::vector<float> weights(count);
  for (size_t i = 0; i < count; ++i) {
    const float solid = std::min(in_solid[i] / kBleeding, 1.0f);
    const float inside = (in_mask[i] - kNearEdge) / (kWellInside - kNearEdge);
    // Weights are squared, so that a subject that is soft everywhere keeps its own colour, while a soft edge
    // takes the colour of what it belongs to.
    weights[i] = std::clamp(std::max(solid * solid, inside), 0.0f, 1.0f);
  }
  push_pull(colours, weights);
  return colours;
}

}  // namespace relievo::kernels
