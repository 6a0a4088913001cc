// FlexiCubes (Shen et al. 2023, arXiv 2308.05371) on the cubes that kernels/surface_cubes.h finds: dual
// vertices, then triangles, each in a counting and a filling pass with the caller's sum in between.
// surface/flexicubes.h says which order vertices and faces have.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/body.h"
#include "kernels/cube_cases.h"
#include "kernels/surface_cubes.h"

namespace relievo::kernels {

/// Weights of a cube: beta 0-11 (edges), alpha 12-19 (corners), gamma 20, before tanh and sigmoid.
inline constexpr int kCubeWeights = 21;

/// Arrays of starts hold counts at i + 1 after a counting pass, and the running sums of these after the
/// caller has summed them up. Arrays of starts by cube are [4 S + 1]: a cube i with n vertices has its count
/// in entry (n - 1) S + i and zero in its other three, so that cubes with one vertex come first, then those
/// with two, three and four.
struct FlexiCubes {
  const CubeTable* table = nullptr;
  const int32_t* row_starts = nullptr;  ///< these five as CubeSearch leaves them
  const int32_t* cubes = nullptr;
  const uint8_t* cases = nullptr;
  const int32_t* points = nullptr;
  const int32_t* corners = nullptr;
  const float* distances = nullptr;  ///< [C] at `points`
  const float* positions = nullptr;  ///< [C, 3] of `points`
  const float* weights = nullptr;    ///< [S, 21]; null for beta = alpha = gamma = 1
  int32_t* vertex_starts = nullptr;  ///< [4 S + 1] dual vertices
  /// [V, 3]; with `is_fan`, one more for each quad follows.
  float* vertices = nullptr;
  int32_t* quad_starts = nullptr;       ///< [2 C + 1] quads of points outside, then of points inside
  int32_t* faces = nullptr;             ///< [2 Q, 3], or [4 Q, 3] when `is_fan`
  int32_t* deviation_starts = nullptr;  ///< [4 S + 1] crossed edges
  float* deviations = nullptr;          ///< [E] how uneven a dual vertex's distances to its crossings are
  int64_t cube_count = 0;               ///< S
  int64_t point_count = 0;              ///< C
  int32_t vertex_count = 0;             ///< V
  int32_t grid = 0;                     ///< cubes a side
  bool is_fan = false;                  ///< four triangles a quad, around a vertex of its own
};

/// The points where the surface crosses the edges of one cube.
struct CubeCrossings {
  float positions[kCubeCorners][3];
  float distances[kCubeCorners];
};

RELIEVO_BODY CubeCrossings crossings_of(const FlexiCubes& f, int64_t cube) {
  CubeCrossings crossings;
  for (int32_t corner = 0; corner < kCubeCorners; ++corner) {
    const int64_t point = f.corners[cube * kCubeCorners + corner];
    for (int32_t axis = 0; axis < 3; ++axis)
      crossings.positions[corner][axis] = f.positions[3 * point + axis];
    crossings.distances[corner] = f.distances[point];
  }
  return crossings;
}

RELIEVO_BODY void mix(const float* a, const float* b, float t, float* out) {
  for (int32_t axis = 0; axis < 3; ++axis) out[axis] = a[axis] + t * (b[axis] - a[axis]);
}

RELIEVO_BODY void crossing_at(const FlexiCubes& f, const CubeCrossings& crossings, int32_t edge, float* out) {
  const int32_t a = f.table->edge_corners[edge][0], b = f.table->edge_corners[edge][1];
  mix(crossings.positions[a], crossings.positions[b],
      crossings.distances[a] / (crossings.distances[a] - crossings.distances[b]), out);
}

RELIEVO_BODY const CubeCase& case_of(const FlexiCubes& f, int64_t cube) {
  return f.table->cases[f.cases[cube]];
}

RELIEVO_BODY int64_t place_by_count(const FlexiCubes& f, int64_t cube) {
  return (case_of(f, cube).vertex_count - 1) * f.cube_count + cube;
}

/// One index is one of 4 S entries; counts crossed edges into `deviation_starts` too where that is not null.
RELIEVO_BODY void count_vertices_at(const FlexiCubes& f, int64_t i) {
  const CubeCase& cube_case = case_of(f, i % f.cube_count);
  const bool is_its_turn = cube_case.vertex_count == i / f.cube_count + 1;
  f.vertex_starts[i + 1] = is_its_turn ? cube_case.vertex_count : 0;
  if (f.deviation_starts != nullptr) f.deviation_starts[i + 1] = is_its_turn ? cube_case.edge_count : 0;
}

/// One index is one of S cubes: places its dual vertices.
RELIEVO_BODY void place_vertices_at(const FlexiCubes& f, int64_t cube) {
  const CubeCase& cube_case = case_of(f, cube);
  const float* weights = f.weights == nullptr ? nullptr : f.weights + cube * kCubeWeights;
  CubeCrossings crossings = crossings_of(f, cube);
  if (weights != nullptr) {
    for (int32_t corner = 0; corner < kCubeCorners; ++corner)
      crossings.distances[corner] *= tanhf(weights[kCubeEdges + corner]) / 2 + 1;
  }
  float* out = f.vertices + 3 * static_cast<int64_t>(f.vertex_starts[place_by_count(f, cube)]);
  for (int32_t loop = 0; loop < cube_case.vertex_count; ++loop, out += 3) {
    float sum[3] = {}, sum_of_weights = 0;
    for (int32_t k = cube_case.first[loop]; k < cube_case.first[loop + 1]; ++k) {
      const int32_t edge = cube_case.edges[k];
      const float beta = weights != nullptr ? tanhf(weights[edge]) / 2 + 1 : 1;
      float crossing[3];
      crossing_at(f, crossings, edge, crossing);
      for (int32_t axis = 0; axis < 3; ++axis) sum[axis] += beta * crossing[axis];
      sum_of_weights += beta;
    }
    for (int32_t axis = 0; axis < 3; ++axis) out[axis] = sum[axis] / sum_of_weights;
  }
}

/// One index is one of S cubes: measures how far each crossing of a dual vertex lies from it, compared with
/// the mean of them.
RELIEVO_BODY void measure_deviations_at(const FlexiCubes& f, int64_t cube) {
  const CubeCase& cube_case = case_of(f, cube);
  const CubeCrossings crossings = crossings_of(f, cube);
  const int64_t place = place_by_count(f, cube);
  const float* vertex = f.vertices + 3 * static_cast<int64_t>(f.vertex_starts[place]);
  float* out = f.deviations + f.deviation_starts[place];
  for (int32_t loop = 0; loop < cube_case.vertex_count; ++loop, vertex += 3) {
    const int32_t count = cube_case.first[loop + 1] - cube_case.first[loop];
    float sum = 0;
    for (int32_t k = 0; k < count; ++k) {
      float crossing[3];
      crossing_at(f, crossings, cube_case.edges[cube_case.first[loop] + k], crossing);
      const float x = crossing[0] - vertex[0], y = crossing[1] - vertex[1], z = crossing[2] - vertex[2];
      out[k] = sqrtf(x * x + y * y + z * z);
      sum += out[k];
    }
    const float mean = sum / static_cast<float>(count);
    for (int32_t k = 0; k < count; ++k) out[k] = fabsf(out[k] - mean);
    out += count;
  }
}

RELIEVO_BODY int32_t cube_at(const FlexiCubes& f, const int32_t* cube) {
  for (int32_t axis = 0; axis < 3; ++axis) {
    if (cube[axis] >= f.grid) return -1;
  }
  return find_cube(f.row_starts, f.cubes, f.grid, cube[0], cube[1], cube[2]);
}

/// The two axes at right angles to an edge along `axis`.
RELIEVO_BODY int32_t first_across(int32_t axis) { return axis == 0 ? 1 : 0; }
RELIEVO_BODY int32_t second_across(int32_t axis) { return axis == 2 ? 1 : 2; }

RELIEVO_BODY bool begins_outside(const FlexiCubes& f, int64_t point) { return f.distances[point] > 0; }

/// Calls `visit(axis, around)` for each edge that begins at the point, is crossed and has four cubes round
/// it; `around` lists these, ascending. Edges come in the order of the published implementation, y, z, x;
/// they begin where kEdgeCorners lets them, so those along y run downwards.
template <typename Visit>
RELIEVO_BODY void visit_edges(const FlexiCubes& f, int64_t point, const Visit& visit) {
  const int32_t side = f.grid + 1, vertex = f.points[point];
  for (int32_t turn = 1; turn <= 3; ++turn) {
    const int32_t axis = turn % 3, b = first_across(axis), c = second_across(axis);
    int32_t lower[3] = {vertex / side / side, vertex / side % side, vertex % side};
    if (axis == 1) --lower[1];
    if (lower[axis] < 0 || lower[b] == 0 || lower[c] == 0) continue;
    const int32_t above = cube_at(f, lower);
    if (above < 0) continue;
    // Resolving an ambiguity exchanges inside and outside: the edge is crossed either way.
    const uint32_t cube_case = f.cases[above];
    if ((cube_case & 1) == (cube_case >> (1 << axis) & 1)) continue;
    int32_t around[4];
    for (int32_t k = 0; k < 4; ++k) {
      int32_t cube[3] = {lower[0], lower[1], lower[2]};
      cube[b] -= static_cast<int32_t>(k < 2);
      cube[c] -= static_cast<int32_t>(k % 2 == 0);
      around[k] = cube_at(f, cube);
    }
    visit(axis, around);
  }
}

/// The four dual vertices around a crossed edge, in order, and for each diagonal the product of gammas at its
/// ends.
struct Quad {
  int32_t vertices[4];
  float gammas_02;
  float gammas_13;
};

RELIEVO_BODY float gamma_of(const FlexiCubes& f, int64_t cube) {
  if (f.weights == nullptr) return 1;
  return 1 / (1 + expf(-f.weights[cube * kCubeWeights + kCubeWeights - 1])) / 2 + 0.25f;
}

RELIEVO_BODY Quad quad_round(const FlexiCubes& f, int64_t point, int32_t axis, const int32_t* around) {
  const int32_t b = first_across(axis), c = second_across(axis);
  // The cubes are taken in the order 0, 1, 3, 2, or the other way around.
  const int32_t start = begins_outside(f, point) ? 0 : 2;
  float gammas[4];
  Quad quad;
  for (int32_t k = 0; k < 4; ++k) {
    const int32_t at = (k ^ k >> 1) ^ start;
    const int32_t cube = around[at];
    // The edge lies at the far side of the cubes that come before it.
    const int32_t corner = static_cast<int32_t>(at < 2) << b | static_cast<int32_t>(at % 2 == 0) << c;
    const int32_t loop = case_of(f, cube).loop_of_edge[f.table->edges_along[corner][axis]];
    quad.vertices[k] = f.vertex_starts[place_by_count(f, cube)] + loop;
    gammas[k] = gamma_of(f, cube);
  }
  quad.gammas_02 = gammas[0] * gammas[2];
  quad.gammas_13 = gammas[1] * gammas[3];
  return quad;
}

RELIEVO_BODY void write_face(int32_t a, int32_t b, int32_t c, int32_t* out) {
  out[0] = a;
  out[1] = b;
  out[2] = c;
}

/// Cuts a quad along the diagonal with the larger product of gammas.
RELIEVO_BODY void cut_quad(const Quad& quad, int32_t* faces) {
  const int32_t* v = quad.vertices;
  if (quad.gammas_02 > quad.gammas_13) {
    write_face(v[0], v[1], v[2], faces);
    write_face(v[0], v[2], v[3], faces + 3);
  } else {
    write_face(v[0], v[1], v[3], faces);
    write_face(v[3], v[1], v[2], faces + 3);
  }
}

/// Cuts a quad into four triangles around `centre`, which is placed between the middles of the two diagonals.
RELIEVO_BODY void fan_quad(const FlexiCubes& f, const Quad& quad, int32_t centre, int32_t* faces) {
  const int32_t* v = quad.vertices;
  const auto vertex = [&](int32_t number) { return f.vertices + 3 * static_cast<int64_t>(number); };
  float middle_02[3], middle_13[3];
  mix(vertex(v[0]), vertex(v[2]), 0.5f, middle_02);
  mix(vertex(v[1]), vertex(v[3]), 0.5f, middle_13);
  mix(middle_02, middle_13, quad.gammas_13 / (quad.gammas_02 + quad.gammas_13), vertex(centre));
  for (int32_t k = 0; k < 4; ++k) write_face(v[k], v[(k + 1) % 4], centre, faces + 3 * k);
}

/// One index is one of 2 C entries.
RELIEVO_BODY void count_quads_at(const FlexiCubes& f, int64_t i) {
  const bool is_outside_turn = i < f.point_count;
  const int64_t point = is_outside_turn ? i : i - f.point_count;
  int32_t count = 0;
  if (begins_outside(f, point) == is_outside_turn)
    visit_edges(f, point, [&](int32_t, const int32_t*) { ++count; });
  f.quad_starts[i + 1] = count;
}

/// One index is one of C points.
RELIEVO_BODY void fill_quads_at(const FlexiCubes& f, int64_t point) {
  int32_t next = f.quad_starts[begins_outside(f, point) ? point : point + f.point_count];
  visit_edges(f, point, [&](int32_t axis, const int32_t* around) {
    const Quad quad = quad_round(f, point, axis, around);
    if (f.is_fan) {
      fan_quad(f, quad, f.vertex_count + next, f.faces + 12 * static_cast<int64_t>(next));
    } else {
      cut_quad(quad, f.faces + 6 * static_cast<int64_t>(next));
    }
    ++next;
  });
}

void count_vertices_cpu(const FlexiCubes& cubes);
void place_vertices_cpu(const FlexiCubes& cubes);
void measure_deviations_cpu(const FlexiCubes& cubes);
void count_quads_cpu(const FlexiCubes& cubes);
void fill_quads_cpu(const FlexiCubes& cubes);

// Pointers are device memory; `stream` is a cudaStream_t. The functions return without waiting and throw
// Error{kDeviceLost} when the launch fails. Only builds with CUDA (RELIEVO_CUDA) have them.
void count_vertices_cuda(const FlexiCubes& cubes, void* stream);
void place_vertices_cuda(const FlexiCubes& cubes, void* stream);
void measure_deviations_cuda(const FlexiCubes& cubes, void* stream);
void count_quads_cuda(const FlexiCubes& cubes, void* stream);
void fill_quads_cuda(const FlexiCubes& cubes, void* stream);

}  // namespace relievo::kernels
