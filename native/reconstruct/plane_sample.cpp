#include "reconstruct/plane_sample.h"

#include <algorithm>

namespace relievo {

PlaneSample interpolate(const PlaneGrid& grid, float right, float down) {
  const float last = static_cast<float>(grid.side - 2);
  const float column = (right - grid.position(0)) / grid.spacing,
              row = (down - grid.position(0)) / grid.spacing;
  const float x = std::clamp(column, 1.0f, last), y = std::clamp(row, 1.0f, last);
  const int i = std::min(static_cast<int>(x), grid.side - 3),
            j = std::min(static_cast<int>(y), grid.side - 3);
  const CubicWeights across(x - static_cast<float>(i)), along(y - static_cast<float>(j));
  PlaneSample sample;
  for (int k = 0; k < 4; ++k) {
    const float* nodes = &grid.values[static_cast<size_t>(j - 1 + k) * grid.side + i - 1];
    float value = 0, slope = 0;
    for (int l = 0; l < 4; ++l) {
      value += across.value[l] * nodes[l];
      slope += across.slope[l] * nodes[l];
    }
    sample.value += along.value[k] * value;
    sample.right += along.value[k] * slope;
    sample.down += along.slope[k] * value;
  }
  sample.value += sample.right * (column - x) + sample.down * (row - y);
  sample.right /= grid.spacing;
  sample.down /= grid.spacing;
  return sample;
}

}  // namespace relievo
