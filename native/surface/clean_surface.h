// Makes a mesh usable as it is: removes degenerate faces and debris, and makes it manifold.
#pragma once

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

struct CleanSettings {
  /// Components with less than this share of the whole area are debris; 0 keeps all.
  double smallest_share = 0.01;
};

/// The components that cleaning left out as debris.
struct Debris {
  /// Components of the surface, debris included.
  int components = 0;
  int dropped = 0;  ///< components that are debris
  Surface surface;  ///< the debris itself
};

/// Removes faces without an area (corners at one place are joined; a face whose corners lie on a line gives
/// its middle corner to its neighbour), splits edges with more than two faces and vertices with more than one
/// fan, turns neighbouring faces the same way and each closed component outward (a cavity inward), removes
/// debris and unused vertices, and moves vertices at one place apart (surface/weld.h). A closed surface stays
/// closed, even where a program welds its vertices. Faces and vertices that stay keep their order. `debris`,
/// where given, receives the components that were left out. Throws Error{kInternal} for coordinates that are
/// not finite or a face that names no vertex, Error{kEmptySurface} when no face is left, Error{kCancelled}.
Surface clean_surface(const Surface& surface, const CleanSettings& settings, const Control& control,
                      Debris* debris = nullptr);

/// Simplifies to at most `target_faces` faces by quadric edge collapses (surface/collapse_edges.h) that leave
/// components, holes and borders as they are, and cleans the result. More faces stay where fewer would cost
/// 15 % of the volume or 8 % of the outline from any side, or change the topology. A surface that has no more
/// faces is returned unchanged. Throws Error{kInvalidSettings} for less than 4 faces, Error{kInternal} for a
/// face that names no vertex, Error{kCancelled}.
Surface simplify_surface(const Surface& surface, int64_t target_faces, const Control& control);

}  // namespace relievo
