// Maps texels back to the surface: the face that a texel belongs to, and its place on that face.
#pragma once

#include <cstdint>

#include "kernels/body.h"

namespace relievo::kernels {

inline constexpr int32_t kTile = 16;  ///< pixels a side of a tile

/// Triangles in a picture, listed by the tiles that they may touch, so that each pixel looks at few and no
/// two threads write to one pixel. Tiles run row by row from the top.
struct TileLists {
  const int64_t* first = nullptr;  ///< [tiles + 1] where a tile's list begins in `faces`
  const int32_t* faces = nullptr;  ///< in ascending order within a tile
  int32_t across = 0;              ///< tiles a row
};

/// The relation of a texel to the charts.
enum Coverage : uint8_t {
  kNothing = 0,
  kRim = 1,     ///< its centre lies just outside of a chart: it shows the nearest point of the chart
  kInside = 2,  ///< its centre lies in a face
};

/// Finds the texels of rows first_row, first_row + 1, ... of a square texture: row 0 is at the top, and
/// centres lie at (column + 0.5, row + 0.5).
struct UvRaster {
  const float* corners = nullptr;  ///< [faces, 3, 2] column and row of each corner, in texels
  TileLists tiles;
  int32_t size = 0;       ///< texels a side
  int32_t first_row = 0;  ///< of the band that is written
  float reach = 0;        ///< how wide the rim is, in texels

  uint8_t* coverage = nullptr;  ///< [rows, size], written
  int32_t* face = nullptr;      ///< [rows, size], written; -1 where there is none
  float* weights = nullptr;     ///< [rows, size, 2] barycentric weights of the face's second and third corner
};

/// Computes the barycentric weights of (x, y) for corners 1 and 2. Returns false for a triangle without an
/// area.
RELIEVO_BODY bool barycentric(const float* corners, float x, float y, float& w1, float& w2) {
  const float ux = corners[2] - corners[0], uy = corners[3] - corners[1];
  const float vx = corners[4] - corners[0], vy = corners[5] - corners[1];
  const float px = x - corners[0], py = y - corners[1];
  const float area = ux * vy - uy * vx;
  if (area == 0) return false;
  w1 = (px * vy - py * vx) / area;
  w2 = (ux * py - uy * px) / area;
  return true;
}

/// Finds the point of edge (first, second) that is nearest to (x, y). Returns the squared distance; `along`
/// is 0 at `first` and 1 at `second`.
RELIEVO_BODY float nearest_on_edge(const float* first, const float* second, float x, float y, float& along) {
  const float ex = second[0] - first[0], ey = second[1] - first[1];
  const float squared = ex * ex + ey * ey;
  along = squared > 0 ? ((x - first[0]) * ex + (y - first[1]) * ey) / squared : 0.0f;
  along = along < 0 ? 0.0f : along > 1 ? 1.0f : along;
  const float dx = first[0] + along * ex - x, dy = first[1] + along * ey - y;
  return dx * dx + dy * dy;
}

/// One index is one texel of the band. Where several faces cover a centre, the one with the lowest number
/// counts.
RELIEVO_BODY void find_texel_at(const UvRaster& r, int64_t index) {
  const int32_t column = static_cast<int32_t>(index % r.size);
  const int32_t row = r.first_row + static_cast<int32_t>(index / r.size);
  const float x = static_cast<float>(column) + 0.5f, y = static_cast<float>(row) + 0.5f;
  const int64_t tile = static_cast<int64_t>(row / kTile) * r.tiles.across + column / kTile;
  uint8_t coverage = kNothing;
  int32_t face = -1;
  float weight1 = 0, weight2 = 0, nearest = r.reach * r.reach;
  for (int64_t i = r.tiles.first[tile]; i < r.tiles.first[tile + 1]; ++i) {
    const float* c = r.corners + static_cast<int64_t>(r.tiles.faces[i]) * 6;
    float w1 = 0, w2 = 0;
    if (!barycentric(c, x, y, w1, w2)) continue;
    if (w1 >= 0 && w2 >= 0 && w1 + w2 <= 1) {
      coverage = kInside;
      face = r.tiles.faces[i];
      weight1 = w1;
      weight2 = w2;
      break;
    }
    float along = 0, distance = nearest_on_edge(c, c + 2, x, y, along);
    if (distance < nearest) {
      nearest = distance, face = r.tiles.faces[i], coverage = kRim;
      weight1 = along, weight2 = 0;
    }
    distance = nearest_on_edge(c + 2, c + 4, x, y, along);
    if (distance < nearest) {
      nearest = distance, face = r.tiles.faces[i], coverage = kRim;
      weight1 = 1 - along, weight2 = along;
    }
    distance = nearest_on_edge(c + 4, c, x, y, along);
    if (distance < nearest) {
      nearest = distance, face = r.tiles.faces[i], coverage = kRim;
      weight1 = 0, weight2 = 1 - along;
    }
  }
  r.coverage[index] = coverage;
  r.face[index] = face;
  r.weights[2 * index] = weight1;
  r.weights[2 * index + 1] = weight2;
}

/// Interpolates values of vertices at points of faces.
struct Interpolation {
  const int32_t* faces = nullptr;  ///< [F, 3]
  const float* values = nullptr;   ///< [V, 3]
  const int32_t* face = nullptr;   ///< [count] the point's face
  const float* weights = nullptr;  ///< weights [count, 2] of the face's second and third corner
  float* result = nullptr;         ///< [count, 3], written
};

RELIEVO_BODY void interpolate_at(const Interpolation& s, int64_t index) {
  const int32_t* corner = s.faces + static_cast<int64_t>(s.face[index]) * 3;
  const float w1 = s.weights[2 * index], w2 = s.weights[2 * index + 1];
  for (int32_t axis = 0; axis < 3; ++axis) {
    s.result[3 * index + axis] = (1 - w1 - w2) * s.values[static_cast<int64_t>(corner[0]) * 3 + axis] +
                                 w1 * s.values[static_cast<int64_t>(corner[1]) * 3 + axis] +
                                 w2 * s.values[static_cast<int64_t>(corner[2]) * 3 + axis];
  }
}

/// Finds the nearest surface in each pixel of a picture.
struct DepthRaster {
  const float* corners = nullptr;  ///< [faces, 3, 2] column and row, in pixels
  const float* near =
      nullptr;  ///< [faces, 3] how near each corner is, in a measure that is linear in the picture
  TileLists tiles;
  int32_t width = 0;
  /// [height, width] the highest of that measure, written; `none` where there is no surface.
  float* nearest = nullptr;
  float none = 0;
};

RELIEVO_BODY void find_depth_at(const DepthRaster& r, int64_t index) {
  const int32_t column = static_cast<int32_t>(index % r.width), row = static_cast<int32_t>(index / r.width);
  const float x = static_cast<float>(column) + 0.5f, y = static_cast<float>(row) + 0.5f;
  const int64_t tile = static_cast<int64_t>(row / kTile) * r.tiles.across + column / kTile;
  bool found = false;
  float nearest = r.none;
  for (int64_t i = r.tiles.first[tile]; i < r.tiles.first[tile + 1]; ++i) {
    const int64_t face = r.tiles.faces[i];
    float w1 = 0, w2 = 0;
    if (!barycentric(r.corners + face * 6, x, y, w1, w2)) continue;
    if (w1 < 0 || w2 < 0 || w1 + w2 > 1) continue;
    const float* near = r.near + face * 3;
    const float here = (1 - w1 - w2) * near[0] + w1 * near[1] + w2 * near[2];
    if (!found || here > nearest) nearest = here;
    found = true;
  }
  r.nearest[index] = nearest;
}

// Pointers are host memory for _cpu and device memory for _cuda, whose `stream` is a cudaStream_t; the latter
// return without waiting, throw Error{kDeviceLost} when the launch fails, and exist only with RELIEVO_CUDA.
void find_texels_cpu(const UvRaster& raster, int64_t rows);
void find_texels_cuda(const UvRaster& raster, int64_t rows, void* stream);
void interpolate_cpu(const Interpolation& points, int64_t count);
void interpolate_cuda(const Interpolation& points, int64_t count, void* stream);
void find_depths_cpu(const DepthRaster& raster, int64_t height);
void find_depths_cuda(const DepthRaster& raster, int64_t height, void* stream);

}  // namespace relievo::kernels
