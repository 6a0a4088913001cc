// Surface -> Surface: what makes a mesh usable as it is.
#pragma once

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

struct CleanSettings {
  double smallest_share =
      0.01;  ///< pieces with less than this share of the whole area are debris; 0 keeps all
};

/// Takes faces without an area away (corners at one place are joined; a face whose corners lie on a line
/// gives its middle corner to its neighbour), splits edges with more than two faces and vertices with more
/// than one fan, turns neighbouring faces the same way and each closed piece outward (a cavity inward),
/// removes debris and unused vertices. A closed surface stays closed. The order of what is kept is kept.
/// Throws Error{kInternal} for coordinates that are not finite or a face that names no vertex,
/// Error{kEmptySurface} when no face is left, Error{kCancelled}.
Surface clean_surface(const Surface& surface, const CleanSettings& settings, const Control& control);

/// At most about `target_faces` faces by quadric edge collapses (Garland and Heckbert 1997; meshoptimizer),
/// cleaned; the surface as it is when it has no more. Borders stay in place. Throws Error{kInvalidSettings}
/// for less than 4 faces, Error{kCancelled} (before and after only: the library cannot be stopped).
Surface simplify_surface(const Surface& surface, int64_t target_faces, const Control& control);

}  // namespace relievo
