// Removes triangles whose corners lie on a line.
#pragma once

#include "surface/make_manifold.h"

namespace relievo {

/// Removes faces that are no higher than `smallest`: the corner between the ends of such a face's longest
/// side is given to the face across that side, which becomes two, so no hole opens. At a border the face is
/// dropped. The faces of a component must turn the same way. `neighbours` stays right, save that two faces
/// may come to share an edge with two others (make_manifold mends that). Returns whether there were any.
bool flip_slivers(Surface& surface, Neighbours& neighbours, double smallest);

}  // namespace relievo
