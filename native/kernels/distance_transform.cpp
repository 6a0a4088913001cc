#include "kernels/distance_transform.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

/// Exact squared distance along one line to the nearest sample, where sample i lies `values[i]` away already:
/// the lower envelope of parabolas (Felzenszwalb and Huttenlocher 2012, "Distance Transforms of Sampled
/// Functions", algorithm 1).
class LineDistance {
 public:
  explicit LineDistance(int size) : roots_(size), starts_(size + 1), result_(size) {}

  const std::vector<float>& operator()(const float* values, int stride) {
    const int size = static_cast<int>(roots_.size());
    int count = 0;
    for (int q = 0; q < size; ++q) {
      const float value = values[static_cast<size_t>(q) * stride];
      if (value == kNoTarget) continue;
      float start = -kNoTarget;
      while (count > 0) {
        const int root = roots_[count - 1];
        const float root_value = values[static_cast<size_t>(root) * stride];
        start = (value - root_value) / static_cast<float>(2 * (q - root)) + static_cast<float>(q + root) / 2;
        if (start > starts_[count - 1]) break;
        start = -kNoTarget;
        --count;
      }
      roots_[count] = q;
      starts_[count++] = start;
    }
    if (count == 0) {
      std::ranges::fill(result_, kNoTarget);
      return result_;
    }
    starts_[count] = kNoTarget;
    for (int x = 0, k = 0; x < size; ++x) {
      while (starts_[k + 1] < static_cast<float>(x)) ++k;
      const float offset = static_cast<float>(x - roots_[k]);
      result_[x] = offset * offset + values[static_cast<size_t>(roots_[k]) * stride];
    }
    return result_;
  }

 private:
  std::vector<int> roots_;
  std::vector<float> starts_;
  std::vector<float> result_;
};

}  // namespace

std::vector<float> distance_transform(const std::vector<uint8_t>& targets, int width, int height) {
  constexpr int kGrain = 32;  // lines a thread takes at a time
  std::vector<float> distance(targets.size());
  std::ranges::transform(targets, distance.begin(), [](uint8_t target) { return target ? 0.0f : kNoTarget; });
  parallel_for(width, kGrain, [&](int64_t first, int64_t last) {
    LineDistance along(height);
    for (int64_t x = first; x < last; ++x) {
      const std::vector<float>& column = along(&distance[x], width);
      for (int y = 0; y < height; ++y) distance[static_cast<size_t>(y) * width + x] = column[y];
    }
  });
  parallel_for(height, kGrain, [&](int64_t first, int64_t last) {
    LineDistance along(width);
    for (int64_t y = first; y < last; ++y) {
      const std::vector<float>& row = along(&distance[y * width], 1);
      std::ranges::transform(row, &distance[y * width], [](float squared) {
        return squared == kNoTarget ? kNoTarget : std::sqrt(squared);
      });
    }
  });
  return distance;
}

}  // namespace relievo::kernels
