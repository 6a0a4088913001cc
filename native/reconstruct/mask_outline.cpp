#include "reconstruct/mask_outline.h"

#include <algorithm>
#include <cmath>

#include "kernels/resample.h"
#include "reconstruct/thin_parts.h"

namespace relievo {
namespace {

// The grid that meshes the field covers this much around the box.
constexpr float kMargin = 0.05f;

Mask alpha_of(const Image& picture) {
  Mask alpha(picture.width, picture.height);
  for (size_t i = 0; i < alpha.values.size(); ++i) alpha.values[i] = picture.pixels[4 * i + 3];
  return alpha;
}

/// Adds a disc to the shape: the union's level is the larger of the two.
void add_disc(PlaneGrid& level, Float2 centre, float radius) {
  const float column = (centre[0] - level.position(0)) / level.spacing;
  const float row = (centre[1] - level.position(0)) / level.spacing;
  const float reach = radius / level.spacing + 2;
  const int last = level.side - 1;
  for (int j = std::max(0, static_cast<int>(row - reach)); j <= std::min(last, static_cast<int>(row + reach));
       ++j) {
    for (int i = std::max(0, static_cast<int>(column - reach));
         i <= std::min(last, static_cast<int>(column + reach)); ++i) {
      const float distance = std::hypot(level.position(i) - centre[0], level.position(j) - centre[1]);
      level.at(i, j) = std::max(level.at(i, j), radius - distance);
    }
  }
}

/// Makes the square's border an outline for shapes that reach it: the margin mirrors the square's outermost
/// nodes with the opposite sign.
void close_at_border(PlaneGrid& level) {
  const int first = level.margin, last = level.side - level.margin - 1;
  for (int j = 0; j < level.side; ++j) {
    for (int i = 0; i < level.side; ++i) {
      const int column = std::clamp(i, first, last), row = std::clamp(j, first, last);
      if (column != i || row != j) level.at(i, j) = -std::abs(level.at(column, row));
    }
  }
}

}  // namespace

PlaneGrid make_plane_grid(int nodes) {
  PlaneGrid grid;
  grid.spacing = 2.0f / static_cast<float>(nodes);
  grid.margin = static_cast<int>(std::ceil(kMargin / grid.spacing)) + 3;
  grid.side = nodes + 2 * grid.margin;
  grid.values.assign(static_cast<size_t>(grid.side) * grid.side, 0.0f);
  return grid;
}

PlaneGrid outline_level(const Image& picture, int nodes, float thinnest) {
  const Mask alpha = alpha_of(picture);
  const std::vector<float> coarse =
      kernels::resample(alpha.values, alpha.width, alpha.height, 1, nodes, nodes);
  PlaneGrid level = make_plane_grid(nodes);
  for (int j = 0; j < nodes; ++j) {
    for (int i = 0; i < nodes; ++i) {
      // Multiplied by the spacing, the value is about a distance, as that of the discs is.
      const float value = coarse[static_cast<size_t>(j) * nodes + i] - 0.5f;
      level.at(i + level.margin, j + level.margin) = value * level.spacing;
    }
  }
  for (const Float2& centre : thin_centre_lines(alpha, thinnest / 2)) add_disc(level, centre, thinnest / 2);
  close_at_border(level);
  return level;
}

float crossing(float inside, float outside) { return std::max(inside / (inside - outside), 0.01f); }

}  // namespace relievo
