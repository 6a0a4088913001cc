// The sides of a surface's triangles, sorted by the edge that they lie on.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// One side of a triangle. Corner k of face f has number 3 f + k, and its side runs to the face's next
/// corner.
struct Side {
  int32_t low = 0;  ///< vertices at its ends
  int32_t high = 0;
  int32_t corner = 0;
  bool runs_up = false;  ///< from low to high

  bool shares_edge_with(const Side& other) const { return low == other.low && high == other.high; }
};

inline int32_t next_corner(int32_t corner) { return corner % 3 == 2 ? corner - 2 : corner + 1; }

inline int32_t vertex_at(const Surface& surface, int32_t corner) {
  return surface.faces[corner / 3][corner % 3];
}

/// The corner of a side at one of its ends.
inline int32_t corner_at_end(const Side& side, bool low) {
  return side.runs_up == low ? side.corner : next_corner(side.corner);
}

/// All sides, sorted by (low, high, corner), so that those of one edge stand together.
std::vector<Side> sorted_sides(const Surface& surface);

/// Throws Error{kInternal} when a face names a vertex that is not there, or the corners cannot be counted.
void check_indices(const Surface& surface);

}  // namespace relievo
