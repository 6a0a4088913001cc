// Which way the faces of a surface look.
#pragma once

#include <cstdint>
#include <vector>

#include "surface/make_manifold.h"

namespace relievo {

/// Faces connected over edges.
struct Pieces {
  std::vector<int32_t> of_face;  ///< [F] 0..count - 1, in the order of their first faces
  int32_t count = 0;
};
Pieces pieces_of(const Surface& surface, const Neighbours& neighbours);

/// Turns the faces of each piece the same way, as most of it already are. (Not those of a piece with one side
/// only, like Möbius' strip: it stays cut somewhere.)
void turn_together(Surface& surface, const Neighbours& neighbours);

/// Turns the whole surface when its volume is negative, then each closed piece by itself whose volume is,
/// unless it lies inside an odd number of others: that is a cavity, whose faces look into it. Of each piece
/// all faces turn the same way.
void turn_outward(Surface& surface, const Neighbours& neighbours, const Pieces& pieces);

}  // namespace relievo
