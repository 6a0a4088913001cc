// Which side of a planar projection each face belongs to.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

enum class Side : uint8_t { kFront, kBack };

/// One side a face: the front for faces turned to +X, but with the border between the sides smoothed, and
/// pieces of fewer than `smallest` faces given to the side around them, so that charts are contiguous.
std::vector<Side> sides_of(const Surface& surface, int smallest);

}  // namespace relievo
