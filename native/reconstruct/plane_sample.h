// Reads a grid over the picture's square between its nodes.
#pragma once

#include <array>

#include "reconstruct/mask_outline.h"

namespace relievo {

/// The weights of four neighbouring nodes at t in 0..1 between the middle two, and their derivatives:
/// Catmull-Rom's cubic, which is once continuously differentiable, so that no cell shows in the shading.
struct CubicWeights {
  explicit CubicWeights(float t)
      : value{((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2,
              (t - 1) * t * t / 2},
        slope{((4 - 3 * t) * t - 1) / 2, (9 * t - 10) * t / 2, ((8 - 9 * t) * t + 1) / 2,
              (3 * t - 2) * t / 2} {}

  std::array<float, 4> value;
  std::array<float, 4> slope;
};

/// A grid's value and gradient at a point of the picture's square.
struct PlaneSample {
  float value = 0;
  float right = 0;
  float down = 0;
};

/// Interpolates by CubicWeights; beyond the grid the outermost cell's slope continues.
PlaneSample interpolate(const PlaneGrid& grid, float right, float down);

}  // namespace relievo
