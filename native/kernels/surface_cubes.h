// The cubes of a grid that a surface crosses, and how: the part of FlexiCubes that needs signs only. It works
// in passes: count the crossed cubes of each row, then name them; count the vertices of the grid at their
// corners, then name them; then number the corners. The caller sums up the counts before the pass that names.
#pragma once

#include <cstdint>

#include "kernels/body.h"
#include "kernels/cube_cases.h"

namespace relievo::kernels {

/// Vertices and cubes of the grid are numbered x slowest, z fastest: vertex (x (grid + 1) + y) (grid + 1) +
/// z, cube (x grid + y) grid + z; a row runs along z. S cubes are crossed; C vertices are corners of one of
/// them. Arrays of starts hold counts at i + 1 after a counting pass, and their running sums after the caller
/// has summed them up.
struct CubeSearch {
  const float* distances = nullptr;  ///< [(grid + 1)^3]; negative is inside, zero and NaN are outside
  const CubeTable* table = nullptr;
  int32_t* row_starts = nullptr;    ///< [grid^2 + 1] where each row's crossed cubes begin
  int32_t* cubes = nullptr;         ///< [S] numbers in the grid, ascending
  uint8_t* cases = nullptr;         ///< [S] ambiguity resolved
  int32_t* point_starts = nullptr;  ///< [(grid + 1)^2 + 1] where each row's points begin
  int32_t* points = nullptr;        ///< [C] vertices of the grid, ascending
  int32_t* corners = nullptr;       ///< [S, 8] indices into `points`, x fastest
  int64_t cube_count = 0;           ///< S
  int32_t grid = 0;                 ///< cubes a side
};

/// The four rows of vertices around a row of cubes.
struct CubeRow {
  const float* rows[4];
};

RELIEVO_BODY CubeRow row_of_cubes(const CubeSearch& s, int32_t x, int32_t y) {
  const int64_t side = s.grid + 1;
  CubeRow row;
  for (int32_t k = 0; k < 4; ++k) row.rows[k] = s.distances + ((x + (k & 1)) * side + y + (k >> 1)) * side;
  return row;
}

/// Bits 0..3 tell which of the four corners at height z are inside.
RELIEVO_BODY uint32_t layer_at(const CubeRow& row, int32_t z) {
  uint32_t bits = 0;
  for (uint32_t k = 0; k < 4; ++k) bits |= static_cast<uint32_t>(row.rows[k][z] < 0) << k;
  return bits;
}

/// Calls `visit(z, cube_case)` for the crossed cubes of a row.
template <typename Visit>
RELIEVO_BODY void visit_crossed(const CubeSearch& s, int64_t row_number, const Visit& visit) {
  const CubeRow row =
      row_of_cubes(s, static_cast<int32_t>(row_number / s.grid), static_cast<int32_t>(row_number % s.grid));
  uint32_t below = layer_at(row, 0);
  for (int32_t z = 0; z < s.grid; ++z) {
    const uint32_t above = layer_at(row, z + 1);
    const uint32_t cube_case = below | above << 4;
    if (cube_case != 0 && cube_case != 255) visit(z, static_cast<uint8_t>(cube_case));
    below = above;
  }
}

/// Returns the case to use for the cube (x, y, z) whose signs say `cube_case`, with ambiguity resolved.
RELIEVO_BODY uint8_t resolved_case(const CubeSearch& s, int32_t x, int32_t y, int32_t z, uint8_t cube_case) {
  const CubeCase& plain = s.table->cases[cube_case];
  if (!plain.is_ambiguous) return cube_case;
  x += plain.twin[0];
  y += plain.twin[1];
  z += plain.twin[2];
  if (x < 0 || y < 0 || z < 0 || x >= s.grid || y >= s.grid || z >= s.grid) return cube_case;
  const CubeRow row = row_of_cubes(s, x, y);
  const bool is_twin = s.table->cases[layer_at(row, z) | layer_at(row, z + 1) << 4].is_ambiguous;
  return is_twin ? opposite_case(cube_case) : cube_case;
}

/// One index is one of grid^2 rows of cubes.
RELIEVO_BODY void count_cubes_at(const CubeSearch& s, int64_t row) {
  int32_t count = 0;
  visit_crossed(s, row, [&](int32_t, uint8_t) { ++count; });
  s.row_starts[row + 1] = count;
}

/// One index is one of grid^2 rows of cubes.
RELIEVO_BODY void name_cubes_at(const CubeSearch& s, int64_t row) {
  int32_t next = s.row_starts[row];
  if (next == s.row_starts[row + 1]) return;
  const int32_t x = static_cast<int32_t>(row / s.grid), y = static_cast<int32_t>(row % s.grid);
  visit_crossed(s, row, [&](int32_t z, uint8_t cube_case) {
    s.cubes[next] = static_cast<int32_t>(row * s.grid + z);
    s.cases[next] = resolved_case(s, x, y, z, cube_case);
    ++next;
  });
}

/// Finds the first of the ascending numbers[begin .. end - 1] that is not below `number`; returns `end` where
/// there is none.
RELIEVO_BODY int32_t first_not_below(const int32_t* numbers, int32_t begin, int32_t end, int32_t number) {
  while (begin < end) {
    const int32_t middle = begin + (end - begin) / 2;
    if (numbers[middle] < number) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

/// Finds the cube (x, y, z) of the grid in `cubes`; returns -1 when the surface does not cross it.
RELIEVO_BODY int32_t find_cube(const int32_t* row_starts, const int32_t* cubes, int32_t grid, int32_t x,
                               int32_t y, int32_t z) {
  const int32_t row = x * grid + y, end = row_starts[row + 1];
  const int32_t place = first_not_below(cubes, row_starts[row], end, row * grid + z);
  return place < end && cubes[place] == row * grid + z ? place : -1;
}

/// Calls `visit(z)` for the vertices of a row of the grid that are corners of crossed cubes, upwards.
template <typename Visit>
RELIEVO_BODY void visit_corners(const CubeSearch& s, int64_t row, const Visit& visit) {
  // A cube at height z has vertices at z and z + 1 in this row, so the four rows of cubes around it are
  // merged.
  const int32_t side = s.grid + 1, x = static_cast<int32_t>(row / side), y = static_cast<int32_t>(row % side);
  int32_t next[4] = {}, end[4] = {};
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t cube_x = x - (k & 1), cube_y = y - (k >> 1);
    if (cube_x < 0 || cube_y < 0 || cube_x >= s.grid || cube_y >= s.grid) continue;
    const int64_t cubes = static_cast<int64_t>(cube_x) * s.grid + cube_y;
    next[k] = s.row_starts[cubes];
    end[k] = s.row_starts[cubes + 1];
  }
  for (int32_t visited = -1;;) {
    int32_t lowest = s.grid;
    for (int32_t k = 0; k < 4; ++k) {
      const int32_t z = next[k] < end[k] ? s.cubes[next[k]] % s.grid : s.grid;
      lowest = z < lowest ? z : lowest;
    }
    if (lowest == s.grid) return;
    for (int32_t k = 0; k < 4; ++k)
      next[k] += static_cast<int32_t>(next[k] < end[k] && s.cubes[next[k]] % s.grid == lowest);
    if (lowest > visited) visit(lowest);
    visit(lowest + 1);
    visited = lowest + 1;
  }
}

/// One index is one of (grid + 1)^2 rows of vertices.
RELIEVO_BODY void count_points_at(const CubeSearch& s, int64_t row) {
  int32_t count = 0;
  visit_corners(s, row, [&](int32_t) { ++count; });
  s.point_starts[row + 1] = count;
}

/// One index is one of (grid + 1)^2 rows of vertices.
RELIEVO_BODY void name_points_at(const CubeSearch& s, int64_t row) {
  int32_t* point = s.points + s.point_starts[row];
  visit_corners(s, row, [&](int32_t z) { *point++ = static_cast<int32_t>(row * (s.grid + 1) + z); });
}

/// One index is one of S cubes.
RELIEVO_BODY void number_corners_at(const CubeSearch& s, int64_t cube) {
  const int32_t number = s.cubes[cube], side = s.grid + 1;
  const int32_t z = number % s.grid, y = number / s.grid % s.grid, x = number / s.grid / s.grid;
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t row = (x + (k & 1)) * side + y + (k >> 1);
    const int32_t lower =
        first_not_below(s.points, s.point_starts[row], s.point_starts[row + 1], row * side + z);
    s.corners[cube * kCubeCorners + k] = lower;
    s.corners[cube * kCubeCorners + k + 4] = lower + 1;
  }
}

// The first two run over the rows first..last - 1 of grid^2, the others over all indices.
void count_cubes_cpu(const CubeSearch& search, int64_t first, int64_t last);
void name_cubes_cpu(const CubeSearch& search, int64_t first, int64_t last);
void count_points_cpu(const CubeSearch& search);
void name_points_cpu(const CubeSearch& search);
void number_corners_cpu(const CubeSearch& search);

// Pointers are device memory; `stream` is a cudaStream_t. The functions return without waiting and throw
// Error{kDeviceLost} when the launch fails. Only builds with CUDA (RELIEVO_CUDA) have them.
void count_cubes_cuda(const CubeSearch& search, int64_t first, int64_t last, void* stream);
void name_cubes_cuda(const CubeSearch& search, int64_t first, int64_t last, void* stream);
void count_points_cuda(const CubeSearch& search, void* stream);
void name_points_cuda(const CubeSearch& search, void* stream);
void number_corners_cuda(const CubeSearch& search, void* stream);

}  // namespace relievo::kernels
