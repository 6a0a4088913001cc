#include "base/mesh.h"

namespace relievo {

void turn_to_scene(Surface& surface) {
  for (Float3& v : surface.vertices) v = {v[1], -v[0], v[2]};
}

}  // namespace relievo
