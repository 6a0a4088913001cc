// Computes the distance from a grid's nodes to an outline on it, finer than the grid.
#pragma once

#include <vector>

#include "base/mesh.h"
#include "reconstruct/mask_outline.h"

namespace relievo {

struct Segment {
  Float2 begin;
  Float2 end;
};

/// The outline as straight segments, at most two in a square of four nodes (marching squares).
struct Outline {
  std::vector<Segment> segments;
  std::vector<int> nearest;  ///< [side, side] index of each node's nearest segment
  /// [side, side] distance to that segment; never negative.
  std::vector<float> distance;
};

/// Traces where a level changes sign. The nearest segments are found by passing them on from node to node,
/// which is exact except for nodes that are about equally far from several. The vectors are empty when the
/// level has one sign everywhere.
Outline trace_outline(const PlaneGrid& level);

}  // namespace relievo
