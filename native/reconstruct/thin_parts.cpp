#include "reconstruct/thin_parts.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/distance_transform.h"

namespace relievo {
namespace {

// Finer masks are reduced to this first.
constexpr int kLargestSide = 1024;

/// The pixels of a mask that are set, in a square surrounded by one more ring of pixels that are not.
struct Bits {
  int side = 0;
  float pixel = 0;           // size of a pixel in the picture's square -1..1
  std::vector<uint8_t> set;  // [side, side]
};

/// Reduces a mask: a pixel is inside when any of the mask's pixels under it is, so that single pixels stay.
Bits reduced(const Mask& mask) {
  const int step = (mask.width + kLargestSide - 1) / kLargestSide;
  Bits bits{(mask.width + step - 1) / step + 2,
            2.0f * static_cast<float>(step) / static_cast<float>(mask.width),
            {}};
  bits.set.assign(static_cast<size_t>(bits.side) * bits.side, 0);
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      if (mask.at(x, y) >= 0.5f) bits.set[static_cast<size_t>(y / step + 1) * bits.side + x / step + 1] = 1;
    }
  }
  return bits;
}

/// Keeps the components (connected over edges and corners) whose bounding box has a diagonal of at least
/// `length` pixels.
void keep_long_components(Bits& bits, float length) {
  const int side = bits.side;
  std::vector<uint8_t> kept(bits.set.size(), 0);
  std::vector<int> component;
  for (int seed = 0; seed < side * side; ++seed) {
    if (!bits.set[seed]) continue;
    component.assign(1, seed);
    bits.set[seed] = 0;
    int left = side, right = 0, top = side, bottom = 0;
    for (size_t next = 0; next < component.size(); ++next) {
      const int x = component[next] % side, y = component[next] / side;
      left = std::min(left, x), right = std::max(right, x);
      top = std::min(top, y), bottom = std::max(bottom, y);
      for (int row = y - 1; row <= y + 1; ++row) {
        for (int column = x - 1; column <= x + 1; ++column) {
          const int neighbour = row * side + column;
          if (!bits.set[neighbour]) continue;
          bits.set[neighbour] = 0;
          component.push_back(neighbour);
        }
      }
    }
    if (std::hypot(right - left + 1, bottom - top + 1) < length) continue;
    for (const int pixel : component) kept[pixel] = 1;
  }
  bits.set = std::move(kept);
}

}  // namespace

std::vector<Float2> thin_centre_lines(const Mask& mask, float radius) {
  const Bits inside = reduced(mask);
  const int side = inside.side;
  const float pixel = inside.pixel;
  const float reach = radius / pixel;
  if (reach <= 0.5f) return {};  // a single pixel is wide enough

  // A part is thin where no disc of the radius inside the mask covers it (a morphological opening's residue).
  const auto distance_to = [&](const auto& is_target) {
    std::vector<uint8_t> targets(inside.set.size());
    for (size_t i = 0; i < targets.size(); ++i) targets[i] = is_target(i);
    return kernels::distance_transform(targets, side, side);
  };
  const std::vector<float> depth = distance_to([&](size_t i) { return !inside.set[i]; });
  const std::vector<float> from_thick = distance_to([&](size_t i) { return depth[i] >= reach + 0.5f; });
  Bits thin = inside;
  for (size_t i = 0; i < thin.set.size(); ++i) thin.set[i] = inside.set[i] && from_thick[i] > reach + 1;
  keep_long_components(thin, 2 * reach + 1);

  // On a centre line the distance to the outside has no slope across it; elsewhere the slope is one.
  constexpr float kLargestSlope = 0.75f;
  std::vector<Float2> centres;
  for (int y = 1; y + 1 < side; ++y) {
    for (int x = 1; x + 1 < side; ++x) {
      const size_t i = static_cast<size_t>(y) * side + x;
      if (!thin.set[i]) continue;
      const float slope = std::hypot(depth[i + 1] - depth[i - 1], depth[i + side] - depth[i - side]) / 2;
      if (slope > kLargestSlope) continue;
      centres.push_back(
          {-1 + (static_cast<float>(x) - 0.5f) * pixel, -1 + (static_cast<float>(y) - 0.5f) * pixel});
    }
  }
  return centres;
}

}  // namespace relievo
