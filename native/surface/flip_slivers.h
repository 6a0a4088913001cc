// Triangles whose corners lie on a line.
#pragma once

#include "surface/make_manifold.h"

namespace relievo {

/// Takes faces that are no higher than `smallest` out: the corner between the ends of such a face's longest
/// side is given to the face across that side, which becomes two, so nothing opens. At a border the face
/// goes. Faces of one piece turn the same way. `neighbours` stays right, save that two faces may come to
/// share an edge with two others (make_manifold mends that). Returns whether there were any.
bool flip_slivers(Surface& surface, Neighbours& neighbours, double smallest);

}  // namespace relievo
