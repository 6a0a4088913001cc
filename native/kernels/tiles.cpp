#include "kernels/tiles.h"

#include <algorithm>
#include <cmath>

namespace relievo::kernels {
namespace {

/// The tiles from first to last in each direction; there are none where first is above last.
struct Block {
  int32_t left, right, top, bottom;
};

int32_t tile_of(float pixel, int32_t size) {
  const float last = static_cast<float>(size - 1);
  return static_cast<int32_t>(std::clamp(pixel, 0.0f, last)) / kTile;
}

Block block_of(const float* c, int32_t width, int32_t height, float margin) {
  constexpr Block kNone{1, 0, 1, 0};
  for (int i = 0; i < 6; ++i) {
    if (!std::isfinite(c[i])) return kNone;
  }
  const auto [left, right] = std::minmax({c[0], c[2], c[4]});
  const auto [top, bottom] = std::minmax({c[1], c[3], c[5]});
  if (right + margin < 0 || bottom + margin < 0 || left - margin > static_cast<float>(width) ||
      top - margin > static_cast<float>(height)) {
    return kNone;
  }
  return {tile_of(left - margin, width), tile_of(right + margin, width), tile_of(top - margin, height),
          tile_of(bottom + margin, height)};
}

}  // namespace

Tiles list_by_tile(const float* corners, int64_t count, int32_t width, int32_t height, float margin) {
  Tiles tiles;
  tiles.across = (width + kTile - 1) / kTile;
  const int64_t down = (height + kTile - 1) / kTile;
  tiles.first.assign(static_cast<size_t>(tiles.across * down) + 1, 0);
  const auto for_each = [&](const auto& visit) {
    for (int64_t f = 0; f < count; ++f) {
      const Block b = block_of(corners + 6 * f, width, height, margin);
      for (int32_t y = b.top; y <= b.bottom; ++y) {
        for (int32_t x = b.left; x <= b.right; ++x) visit(static_cast<int64_t>(y) * tiles.across + x, f);
      }
    }
  };
  for_each([&](int64_t tile, int64_t) { ++tiles.first[tile + 1]; });
  for (size_t i = 1; i < tiles.first.size(); ++i) tiles.first[i] += tiles.first[i - 1];
  tiles.faces.resize(static_cast<size_t>(tiles.first.back()));
  std::vector<int64_t> next(tiles.first.begin(), tiles.first.end() - 1);
  for_each([&](int64_t tile, int64_t face) { tiles.faces[next[tile]++] = static_cast<int32_t>(face); });
  return tiles;
}

}  // namespace relievo::kernels
