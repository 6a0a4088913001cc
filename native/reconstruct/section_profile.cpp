#include "reconstruct/section_profile.h"

#include <algorithm>
#include <cmath>

#include "reconstruct/mask_inflation.h"
#include "reconstruct/outline_distance.h"

namespace relievo {
namespace {

/// A line's value and slope at a place between its nodes.
struct LineSample {
  float value, slope;
};

LineSample interpolate(const std::vector<float>& line, const PlaneGrid& grid, float place) {
  const float last = static_cast<float>(grid.side - 2);
  const float node = std::clamp((place - grid.position(0)) / grid.spacing, 1.0f, last);
  const int i = std::min(static_cast<int>(node), grid.side - 3);
  const CubicWeights weights(node - static_cast<float>(i));
  LineSample sample{0, 0};
  for (int k = 0; k < 4; ++k) {
    sample.value += weights.value[k] * line[i - 1 + k];
    sample.slope += weights.slope[k] * line[i - 1 + k] / grid.spacing;
  }
  return sample;
}

}  // namespace

SectionProfile::SectionProfile(const PlaneGrid& level, SectionAxis axis, float thinnest,
                               const Control& control)
    : squared_height_(inflate_outline(level, 1, 0, control).squared_height),
      distance_(level),
      most_(level.side, 0.0f),
      axis_(axis),
      kept_(thinnest * thinnest / 2) {
  const Outline outline = trace_outline(level);
  for (int j = 0; j < level.side; ++j) {
    for (int i = 0; i < level.side; ++i) {
      const size_t node = static_cast<size_t>(j) * level.side + i;
      const bool is_inside = level.values[node] > 0;
      distance_.values[node] = is_inside ? outline.distance[node] : -outline.distance[node];
      float& most = most_[axis == SectionAxis::kDown ? j : i];
      if (is_inside) most = std::max(most, squared_height_.values[node]);
    }
  }
}

PlaneSample SectionProfile::deficit(float right, float down) const {
  constexpr float kMostKept = 0.5f;
  const PlaneSample u = relievo::interpolate(squared_height_, right, down);
  const bool is_down = axis_ == SectionAxis::kDown;
  LineSample most = interpolate(most_, squared_height_, is_down ? down : right);
  // Half a node inside of an object's tip, u is about this: below it, the quotient of two small numbers is
  // unreliable.
  const float least = squared_height_.spacing * squared_height_.spacing / 4;
  const float scale = std::max(most.value, least);
  const float scale_slope = most.value > least ? most.slope : 0;
  const float whole = (most.value - u.value) / scale;
  if (whole <= 0) return {};
  // Near 0 it rises with the square of the deficit, so that parts keep their thickness without a crease.
  const float kept = std::min(kept_ / scale, kMostKept), sum = whole + kept;
  const float by_whole = (1 + kept) * (whole + 2 * kept) * whole / (sum * sum);
  const float by_kept = (whole - 1) * whole * whole / (sum * sum);
  PlaneSample sample{(1 + kept) * whole * whole / sum, -by_whole * u.right / scale,
                     -by_whole * u.down / scale};
  const float kept_slope = kept < kMostKept ? -kept * scale_slope / scale : 0;
  (is_down ? sample.down : sample.right) +=
      by_whole * (most.slope - whole * scale_slope) / scale + by_kept * kept_slope;
  return sample;
}

}  // namespace relievo
