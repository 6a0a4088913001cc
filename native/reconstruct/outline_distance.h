// Distance from a grid's nodes to an outline on it, finer than the grid.
#pragma once

#include <vector>

#include "base/mesh.h"
#include "reconstruct/mask_outline.h"

namespace relievo {

struct Segment {
  Float2 begin;
  Float2 end;
};

/// The outline as straight pieces, at most two in a square of four nodes (marching squares).
struct Outline {
  std::vector<Segment> segments;
  std::vector<int> nearest;     ///< [side, side] index of each node's nearest segment
  std::vector<float> distance;  ///< [side, side] to it; never negative
};

/// Traces where a level changes sign. The nearest segments are found by passing them on from node to node,
/// exact but for nodes about equally far from several. Empty vectors when the level has one sign everywhere.
Outline trace_outline(const PlaneGrid& level);

}  // namespace relievo
