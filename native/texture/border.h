// The border of a patch in the plane. Internal to texture/.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "texture/patch.h"

namespace relievo {

/// An edge of one face alone, in the face's direction.
struct BorderEdge {
  int32_t from, to;  // vertices of the patch
};

/// Finds the patch's border; nothing where an edge has more than two faces or two that turn against each
/// other.
std::optional<std::vector<BorderEdge>> border_of(const Patch& patch);

/// Returns whether each point of the plane has one place on the patch at most. No face is turned over, so the
/// number of places changes at the border alone; it is 1 everywhere where the border is an outline and holes
/// in it that do not cross.
bool is_one_to_one(const Patch& patch, const std::vector<BorderEdge>& border, const Plane& plane);

/// Turns the plane so that the border's box is as small as it gets.
void turn_into_small_box(const std::vector<BorderEdge>& border, Plane& plane);

}  // namespace relievo
