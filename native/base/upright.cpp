#include "base/upright.h"

#include <cmath>

namespace relievo {

void turn_upright(Surface& surface, float elevation) {
  const float c = std::cos(elevation), s = std::sin(elevation);
  for (Float3& v : surface.vertices) v = {c * v[0] - s * v[2], v[1], s * v[0] + c * v[2]};
}

}  // namespace relievo
