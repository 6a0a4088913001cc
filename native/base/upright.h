// Objects that were seen from above or below, upright again.
#pragma once

#include "base/mesh.h"

namespace relievo {

/// Turns a surface in the model box about Y, in place, so that what a camera saw from `elevation` radians
/// above the horizon stands upright.
void turn_upright(Surface& surface, float elevation);

}  // namespace relievo
