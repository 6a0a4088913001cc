// Simplifies a surface by merging the two ends of an edge into one vertex, again and again.
#pragma once

#include <cstdint>
#include <functional>

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

/// Collapses the edge that costs least (Garland and Heckbert 1997, the vertex put where the quadric is least)
/// until `target_faces` are left. A collapse is refused when it would change the topology (the link
/// condition, Dey et al. 1999), so components, holes and borders stay; when it would turn a face over or lay
/// two on one another; and when it would put a vertex within a ten thousandth of the surface's extent of
/// another. More faces stay where no other collapse is left. `shown`, where given, is called with the surface
/// each time that it has a fifth fewer faces; once it returns false, no more is collapsed. Expects a manifold
/// surface. Throws Error{kCancelled}.
Surface collapse_edges(const Surface& surface, int64_t target_faces, const Control& control,
                       const std::function<bool(const Surface&)>& shown = {});

}  // namespace relievo
