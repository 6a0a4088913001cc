// Lists of triangles by tile, for kernels/bake.h.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/bake.h"

namespace relievo::kernels {

struct Tiles {
  std::vector<int64_t> first;
  std::vector<int32_t> faces;
  int32_t across = 0;

  TileLists lists() const { return {first.data(), faces.data(), across}; }
};

/// Lists each triangle of `corners` `[count, 3, 2]` (in pixels) in every tile of a picture of width x height
/// that its bounding box, widened by `margin` pixels, meets. Triangles with a corner that is not finite are
/// left out.
Tiles list_by_tile(const float* corners, int64_t count, int32_t width, int32_t height, float margin);

}  // namespace relievo::kernels
