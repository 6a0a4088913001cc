// Fewer faces by making one vertex of two, over and over.
#pragma once

#include <cstdint>
#include <functional>

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

/// Collapses the edge whose end costs least (Garland and Heckbert 1997, the vertex put where the quadric is
/// least) until `target_faces` are left. Refused are collapses that would change the topology (the link
/// condition, Dey et al. 1999), so pieces, holes and borders stay; that turn a face over or lay two on one
/// another; and that put a vertex within a ten thousandth of the surface's extent of another. More faces stay
/// where nothing else is left. `shown`, where given, sees the surface each time that it has a fifth fewer
/// faces; once it returns false no more is collapsed. Expects a manifold surface. Throws Error{kCancelled}.
Surface collapse_edges(const Surface& surface, int64_t target_faces, const Control& control,
                       const std::function<bool(const Surface&)>& shown = {});

}  // namespace relievo
