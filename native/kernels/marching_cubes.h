// Marching cubes (Lorensen and Cline 1987) in two passes over the grid's vertices: count, then fill, with a
// sum of the counts in between. The polygons of each case are given as a table (surface/marching_table.h).
#pragma once

#include <cstdint>

#include "kernels/body.h"

namespace relievo::kernels {

/// The polygons of one case, as triangles of edge numbers.
struct MarchingCase {
  int32_t triangles = 0;
  int8_t edges[30] = {};
};

/// Vertex (x, y, z) of the grid is number (x side + y) side + z; it owns the edges that leave it upwards and
/// the cube above it.
struct MarchingCubes {
  const float* values = nullptr;        ///< [side^3]
  const MarchingCase* table = nullptr;  ///< [256], by the corners that are inside
  const int8_t* edge_owner = nullptr;   ///< [12] the corner of the cube that owns an edge
  const int8_t* edge_axis = nullptr;    ///< [12]
  int32_t* vertex_starts = nullptr;  ///< [side^3 + 1]: counts at i + 1 after the first pass, then their sums
  int32_t* face_starts = nullptr;    ///< [side^3 + 1]
  float* vertices = nullptr;         ///< [V, 3] in -1..1
  int32_t* faces = nullptr;          ///< [F, 3]
  int32_t side = 0;
  float threshold = 0;  ///< a value above it is inside
};

RELIEVO_BODY int64_t marching_stride(const MarchingCubes& m, int32_t axis) {
  return axis == 0 ? static_cast<int64_t>(m.side) * m.side : axis == 1 ? m.side : 1;
}

RELIEVO_BODY int32_t marching_step(const MarchingCubes& m, int64_t vertex, int32_t axis) {
  return static_cast<int32_t>(vertex / marching_stride(m, axis) % m.side);
}

RELIEVO_BODY bool marching_is_crossed(const MarchingCubes& m, int64_t vertex, int32_t axis) {
  if (marching_step(m, vertex, axis) + 1 >= m.side) return false;
  const float next = m.values[vertex + marching_stride(m, axis)];
  return (m.values[vertex] > m.threshold) != (next > m.threshold);
}

/// Returns the case of the cube above a vertex; 0 where there is no cube.
RELIEVO_BODY int32_t marching_case(const MarchingCubes& m, int64_t vertex) {
  for (int32_t axis = 0; axis < 3; ++axis) {
    if (marching_step(m, vertex, axis) + 1 >= m.side) return 0;
  }
  int32_t bits = 0;
  for (int32_t corner = 0; corner < 8; ++corner) {
    const int64_t at = vertex + (corner & 1) * marching_stride(m, 0) +
                       (corner >> 1 & 1) * marching_stride(m, 1) + (corner >> 2);
    bits |= static_cast<int32_t>(m.values[at] > m.threshold) << corner;
  }
  return bits;
}

/// First pass: one index is one of side^3 vertices.
RELIEVO_BODY void count_marching_at(const MarchingCubes& m, int64_t vertex) {
  int32_t crossed = 0;
  for (int32_t axis = 0; axis < 3; ++axis)
    crossed += static_cast<int32_t>(marching_is_crossed(m, vertex, axis));
  m.vertex_starts[vertex + 1] = crossed;
  m.face_starts[vertex + 1] = m.table[marching_case(m, vertex)].triangles;
}

/// Second pass: one index is one of side^3 vertices.
RELIEVO_BODY void fill_marching_at(const MarchingCubes& m, int64_t vertex) {
  const double scale = 2.0 / (m.side - 1);
  float* out = m.vertices + static_cast<int64_t>(m.vertex_starts[vertex]) * 3;
  for (int32_t axis = 0; axis < 3; ++axis) {
    if (!marching_is_crossed(m, vertex, axis)) continue;
    const double here = m.values[vertex], next = m.values[vertex + marching_stride(m, axis)];
    const double t = (m.threshold - here) / (next - here);
    for (int32_t k = 0; k < 3; ++k) {
      *out++ = static_cast<float>((marching_step(m, vertex, k) + (k == axis ? t : 0)) * scale - 1);
    }
  }
  const MarchingCase& polygons = m.table[marching_case(m, vertex)];
  int32_t* face = m.faces + static_cast<int64_t>(m.face_starts[vertex]) * 3;
  for (int32_t k = 0; k < 3 * polygons.triangles; ++k) {
    const int32_t corner = m.edge_owner[polygons.edges[k]];
    const int64_t owner = vertex + (corner & 1) * marching_stride(m, 0) +
                          (corner >> 1 & 1) * marching_stride(m, 1) + (corner >> 2);
    int32_t number = m.vertex_starts[owner];
    for (int32_t axis = 0; axis < m.edge_axis[polygons.edges[k]]; ++axis)
      number += static_cast<int32_t>(marching_is_crossed(m, owner, axis));
    *face++ = number;
  }
}

void count_marching_cpu(const MarchingCubes& cubes);
void fill_marching_cpu(const MarchingCubes& cubes);

/// Pointers are device memory; `stream` is a cudaStream_t. The functions return without waiting; the caller
/// sums up the counts between the passes. They throw Error{kDeviceLost} when the launch fails. Only builds
/// with CUDA (RELIEVO_CUDA) have them.
void count_marching_cuda(const MarchingCubes& cubes, void* stream);
void fill_marching_cuda(const MarchingCubes& cubes, void* stream);

}  // namespace relievo::kernels
