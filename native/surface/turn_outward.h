// Makes the faces of a surface look outward.
#pragma once

#include <cstdint>
#include <vector>

#include "surface/make_manifold.h"

namespace relievo {

/// Faces connected over edges.
struct Components {
  std::vector<int32_t> of_face;  ///< [F] 0..count - 1, in the order of their first faces
  int32_t count = 0;
};
Components components_of(const Surface& surface, const Neighbours& neighbours);

/// Turns the faces of each component the same way, the way that most of them look. A component with one side
/// only, like Möbius' strip, stays cut somewhere.
void turn_together(Surface& surface, const Neighbours& neighbours);

/// Turns the whole surface when its volume is negative, then each closed component whose own volume is
/// negative, unless it lies inside an odd number of others: that is a cavity, whose faces look into it. The
/// faces of each component must already turn the same way.
void turn_outward(Surface& surface, const Neighbours& neighbours, const Components& components);

}  // namespace relievo
