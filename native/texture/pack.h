// Packs charts side by side in one square.
#pragma once

#include <vector>

#include "base/control.h"
#include "texture/chart.h"

namespace relievo {

/// All charts in the unit square, at one scale.
struct Packing {
  struct Place {
    int quarter_turns = 0;  ///< counter-clockwise; charts are never mirrored
    Float2 offset{0, 0};    ///< added after scaling and turning
  };
  std::vector<Place> places;  ///< one a chart
  float scale = 0;            ///< from the surface's units to the square's
  int side = 0;               ///< of the square, in pixels of the bitmap in which the charts were packed
  float gap = 0;              ///< distance between charts, as a share of the square's side
  double coverage = 0;        ///< the charts' share of the square
};

/// Packs charts, the largest first, each in the lowest free place of a bitmap in one of four directions
/// (after Levy et al. 2002, section 4, with bitmaps in place of horizons): into strips of several widths, of
/// which the one that comes out as the smallest square is taken. Charts lie at least `gap` times the side
/// apart and half of that from the border; where less than `wanted_coverage` of the square would be covered,
/// the gap is halved, down to about an eighth but not below `least_gap`. Throws Error{kCancelled}.
Packing pack_charts(const std::vector<Chart>& charts, float gap, float least_gap, double wanted_coverage,
                    const Control& control);

/// Maps a point of a chart to its place in the texture.
Float2 placed(const Packing& packing, size_t chart, const Chart& shape, const Float2& uv);

}  // namespace relievo
