// Surface -> Surface: what makes a mesh usable as it is.
#pragma once

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

struct CleanSettings {
  double smallest_share =
      0.01;  ///< pieces with less than this share of the whole area are debris; 0 keeps all
};

/// What cleaning left out as debris.
struct Debris {
  int pieces = 0;   ///< of the surface, debris included
  int dropped = 0;  ///< pieces that are debris
  Surface surface;  ///< made of them
};

/// Takes faces without an area away (corners at one place are joined; a face whose corners lie on a line
/// gives its middle corner to its neighbour), splits edges with more than two faces and vertices with more
/// than one fan, turns neighbouring faces the same way and each closed piece outward (a cavity inward),
/// removes debris and unused vertices, and moves vertices at one place apart (surface/weld.h). A closed
/// surface stays closed, also where a program welds its vertices. The order of what is kept is kept.
/// `debris`, where given, becomes what was left out. Throws Error{kInternal} for coordinates that are not
/// finite or a face that names no vertex, Error{kEmptySurface} when no face is left, Error{kCancelled}.
Surface clean_surface(const Surface& surface, const CleanSettings& settings, const Control& control,
                      Debris* debris = nullptr);

/// At most `target_faces` faces by quadric edge collapses (surface/collapse_edges.h) that leave pieces, holes
/// and borders as they are, cleaned; more where fewer would cost 15 % of the volume or 8 % of the outline
/// from any side, or another topology. The surface as it is when it has no more. Throws
/// Error{kInvalidSettings} for less than 4 faces, Error{kInternal} for a face that names no vertex,
/// Error{kCancelled}.
Surface simplify_surface(const Surface& surface, int64_t target_faces, const Control& control);

}  // namespace relievo
