// Turns a picture's alpha into a shape in the plane: the curve where alpha is 0.5, on a regular grid.
#pragma once

#include <vector>

#include "base/image.h"

namespace relievo {

/// Values at the nodes of a regular grid over the picture's square -1..1 and a margin around it. The axes are
/// the picture's: column i runs right, row j down. The square's border lies half way between two nodes.
struct PlaneGrid {
  int side = 0;               ///< nodes a side, margins included
  int margin = 0;             ///< nodes outside the square on each side
  float spacing = 0;          ///< between nodes
  std::vector<float> values;  // [side, side]

  float at(int i, int j) const { return values[static_cast<size_t>(j) * side + i]; }
  float& at(int i, int j) { return values[static_cast<size_t>(j) * side + i]; }
  float position(int index) const { return -1 + (static_cast<float>(index - margin) + 0.5f) * spacing; }
};

/// Makes a grid of zeros with `nodes` a side in the square, and a margin of at least 0.05 and three nodes.
PlaneGrid make_plane_grid(int nodes);

/// The level function of the subject in a square RGBA picture: positive where alpha passes 0.5, zero on the
/// outline to less than a node's spacing, negative outside and everywhere outside the square. Parts thinner
/// than `thinnest` (stems, wires) are widened to it about their centre line, so that a coarse grid sees them;
/// corners and specks stay as they are.
PlaneGrid outline_level(const Image& picture, int nodes, float thinnest);

/// The place where the outline crosses the grid's edge from a node of level `inside` > 0 to one of level
/// `outside` <= 0, as a fraction of the edge; not closer than 0.01 to the inner node.
float crossing(float inside, float outside);

}  // namespace relievo
