#include "surface/flexicubes.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/parallel.h"
#include "surface/prefix_sums.h"

namespace relievo {
namespace {

constexpr int64_t kGrain = 1024;

Float3 mix(const Float3& a, const Float3& b, float t) {
  return {a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])};
}

float distance_between(const Float3& a, const Float3& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

float gamma_of(std::span<const float> weights, int64_t cube) {
  if (weights.empty()) return 1;
  return 1 / (1 + std::exp(-weights[cube * kCubeWeights + kCubeWeights - 1])) / 2 + 0.25f;
}

/// Where the surface crosses the edges of one cube.
class Crossings {
 public:
  Crossings(const SurfaceCubes& cubes, const FlexiCubesInput& input, int64_t cube) {
    for (int corner = 0; corner < kCubeCorners; ++corner) {
      const int32_t point = cubes.corners[cube][corner];
      positions_[corner] = input.positions[point];
      distances_[corner] = input.distances[point];
    }
  }

  /// Scales the distance of each corner by the cube's alpha.
  void weigh(const float* weights) {
    for (int corner = 0; corner < kCubeCorners; ++corner) {
      distances_[corner] *= std::tanh(weights[kCubeEdges + corner]) / 2 + 1;
    }
  }

  Float3 at(int edge) const {
    const auto [a, b] = kEdgeCorners[edge];
    return mix(positions_[a], positions_[b], distances_[a] / (distances_[a] - distances_[b]));
  }

 private:
  std::array<Float3, kCubeCorners> positions_;
  std::array<float, kCubeCorners> distances_;
};

/// The dual vertices of one cube, written to `out`.
void place_vertices(const SurfaceCubes& cubes, const FlexiCubesInput& input, int64_t cube, Float3* out) {
  const CubeCase& cube_case = kCubeCases[cubes.cases[cube]];
  const float* weights = input.weights.empty() ? nullptr : &input.weights[cube * kCubeWeights];
  Crossings crossings(cubes, input, cube);
  if (weights) crossings.weigh(weights);
  for (int loop = 0; loop < cube_case.vertex_count; ++loop) {
    Float3 sum{};
    float sum_of_weights = 0;
    for (int k = cube_case.first[loop]; k < cube_case.first[loop + 1]; ++k) {
      const int edge = cube_case.edges[k];
      const float beta = weights ? std::tanh(weights[edge]) / 2 + 1 : 1;
      const Float3 crossing = crossings.at(edge);
      for (int axis = 0; axis < 3; ++axis) sum[axis] += beta * crossing[axis];
      sum_of_weights += beta;
    }
    for (int axis = 0; axis < 3; ++axis) out[loop][axis] = sum[axis] / sum_of_weights;
  }
}

/// Where each cube's vertices begin: cubes with one vertex first, then those with two, three and four.
std::vector<int32_t> number_vertices(const SurfaceCubes& cubes, int32_t& count) {
  const auto count_of = [&](int64_t cube) { return kCubeCases[cubes.cases[cube]].vertex_count; };
  std::vector<int32_t> first(cubes.size());
  count = 0;
  for (int vertices = 1; vertices <= kMostDualVertices; ++vertices) {
    for (int64_t cube = 0; cube < cubes.size(); ++cube) {
      if (count_of(cube) != vertices) continue;
      first[cube] = count;
      count += vertices;
    }
  }
  return first;
}

/// The four dual vertices round a crossed edge, in turn, and the product of gammas at either diagonal's ends.
struct Quad {
  std::array<int32_t, 4> vertices{};
  float gammas_02 = 0;
  float gammas_13 = 0;
};

/// The edges of the grid that begin at a vertex, in the order of the published implementation; "begin" as in
/// kEdgeCorners, so those along y run downwards.
constexpr std::array<int, 3> kAxisOrder{1, 2, 0};

class QuadFinder {
 public:
  QuadFinder(const SurfaceCubes& cubes, const FlexiCubesInput& input, const DualVertices& vertices)
      : cubes_(cubes), input_(input), vertices_(vertices) {}

  /// Calls `visit(axis, cubes)` for each edge that begins at the point, is crossed and has four cubes round
  /// it; `cubes` in ascending order.
  template <typename Visit>
  void visit_edges(int64_t point, const Visit& visit) const {
    const int side = cubes_.grid + 1, vertex = cubes_.points[point];
    const std::array<int, 3> begin{vertex / side / side, vertex / side % side, vertex % side};
    for (const int axis : kAxisOrder) {
      std::array<int, 3> lower = begin;
      if (axis == 1) --lower[1];
      if (lower[axis] < 0) continue;
      const int32_t above = cube_at(lower);
      if (above < 0 || !is_crossed(above, 1 << axis)) continue;
      const auto [b, c] = other_axes(axis);
      if (lower[b] == 0 || lower[c] == 0) continue;
      std::array<int32_t, 4> around{};
      for (int k = 0; k < 4; ++k) {
        std::array<int, 3> cube = lower;
        cube[b] -= k < 2;
        cube[c] -= k % 2 == 0;
        around[k] = cube_at(cube);
      }
      visit(axis, around);
    }
  }

  bool begins_outside(int64_t point) const { return input_.distances[point] > 0; }

  Quad quad(int64_t point, int axis, const std::array<int32_t, 4>& around) const {
    static constexpr std::array<std::array<int, 4>, 2> kTurns{{{2, 3, 1, 0}, {0, 1, 3, 2}}};
    const std::array<int, 4>& turn = kTurns[begins_outside(point)];
    const auto [b, c] = other_axes(axis);
    std::array<float, 4> gammas{};
    Quad quad;
    for (int k = 0; k < 4; ++k) {
      const int32_t cube = around[turn[k]];
      // The edge lies at the far side of the cubes that come before it.
      const int corner = (turn[k] < 2) << b | (turn[k] % 2 == 0) << c;
      const int edge = kEdgeBetween[corner][corner | 1 << axis];
      quad.vertices[k] = vertices_.first[cube] + kCubeCases[cubes_.cases[cube]].loop_of_edge[edge];
      gammas[k] = gamma_of(input_.weights, cube);
    }
    quad.gammas_02 = gammas[0] * gammas[2];
    quad.gammas_13 = gammas[1] * gammas[3];
    return quad;
  }

 private:
  static constexpr std::array<int, 2> other_axes(int axis) { return {axis == 0 ? 1 : 0, axis == 2 ? 1 : 2}; }

  int32_t cube_at(const std::array<int, 3>& cube) const {
    if (*std::max_element(cube.begin(), cube.end()) >= cubes_.grid) return -1;
    return cubes_.find(cube[0], cube[1], cube[2]);
  }

  bool is_crossed(int32_t cube, int corner) const {
    const unsigned cube_case = cubes_.cases[cube];
    return (cube_case & 1) != (cube_case >> corner & 1);
  }

  const SurfaceCubes& cubes_;
  const FlexiCubesInput& input_;
  const DualVertices& vertices_;
};

/// First the quads of edges that begin outside, then the others; in either part by the edges' first, then
/// second ends.
std::vector<Quad> find_quads(const SurfaceCubes& cubes, const FlexiCubesInput& input,
                             const DualVertices& vertices) {
  const QuadFinder finder(cubes, input, vertices);
  const auto points = static_cast<int64_t>(cubes.points.size());
  // Where the quads of each point begin: points outside first, then points inside.
  const std::vector<int32_t> starts = starts_of(2 * points, kGrain, [&](int64_t i) {
    const bool is_outside_turn = i < points;
    const int64_t point = is_outside_turn ? i : i - points;
    int32_t count = 0;
    if (finder.begins_outside(point) == is_outside_turn)
      finder.visit_edges(point, [&](int, const auto&) { ++count; });
    return count;
  });
  std::vector<Quad> quads(starts.back());
  parallel_for(points, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t point = first; point < last; ++point) {
      Quad* out = quads.data() + starts[finder.begins_outside(point) ? point : point + points];
      finder.visit_edges(point,
                         [&](int axis, const auto& around) { *out++ = finder.quad(point, axis, around); });
    }
  });
  return quads;
}

/// Cuts a quad along a diagonal.
void cut(const Quad& quad, Int3* faces) {
  const auto& v = quad.vertices;
  if (quad.gammas_02 > quad.gammas_13) {
    faces[0] = {v[0], v[1], v[2]};
    faces[1] = {v[0], v[2], v[3]};
  } else {
    faces[0] = {v[0], v[1], v[3]};
    faces[1] = {v[3], v[1], v[2]};
  }
}

/// Cuts a quad into four round `centre`, which this places between the middles of the diagonals.
void fan(const Quad& quad, int32_t centre, Surface& surface, Int3* faces) {
  const auto& v = quad.vertices;
  const auto middle = [&](int a, int b) { return mix(surface.vertices[v[a]], surface.vertices[v[b]], 0.5f); };
  surface.vertices[centre] =
      mix(middle(0, 2), middle(1, 3), quad.gammas_13 / (quad.gammas_02 + quad.gammas_13));
  for (int k = 0; k < 4; ++k) faces[k] = {v[k], v[(k + 1) % 4], centre};
}

}  // namespace

DualVertices dual_vertices(const SurfaceCubes& cubes, const FlexiCubesInput& input) {
  DualVertices vertices;
  int32_t count = 0;
  vertices.first = number_vertices(cubes, count);
  vertices.positions.resize(count);
  parallel_for(cubes.size(), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t cube = first; cube < last; ++cube) {
      place_vertices(cubes, input, cube, &vertices.positions[vertices.first[cube]]);
    }
  });
  return vertices;
}

std::vector<float> edge_deviations(const SurfaceCubes& cubes, const FlexiCubesInput& input,
                                   const DualVertices& vertices) {
  const auto count = static_cast<int64_t>(vertices.positions.size());
  std::vector<int32_t> cube_of(count);
  for (int64_t cube = 0; cube < cubes.size(); ++cube) {
    const int loops = kCubeCases[cubes.cases[cube]].vertex_count;
    std::fill_n(cube_of.begin() + vertices.first[cube], loops, static_cast<int32_t>(cube));
  }
  // The edges of a vertex, as a range of kCubeCases[...].edges.
  const auto range_of = [&](int64_t vertex) {
    const int32_t cube = cube_of[vertex];
    const CubeCase& cube_case = kCubeCases[cubes.cases[cube]];
    const int64_t loop = vertex - vertices.first[cube];
    return std::span(cube_case.edges)
        .subspan(cube_case.first[loop], cube_case.first[loop + 1] - cube_case.first[loop]);
  };
  const std::vector<int32_t> starts =
      starts_of(count, kGrain, [&](int64_t vertex) { return static_cast<int32_t>(range_of(vertex).size()); });
  std::vector<float> deviations(starts.back());
  parallel_for(count, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t vertex = first; vertex < last; ++vertex) {
      const Crossings crossings(cubes, input, cube_of[vertex]);
      const std::span<float> out(deviations.data() + starts[vertex], deviations.data() + starts[vertex + 1]);
      std::ranges::transform(range_of(vertex), out.begin(), [&](int edge) {
        return distance_between(crossings.at(edge), vertices.positions[vertex]);
      });
      const float mean = std::accumulate(out.begin(), out.end(), 0.0f) / static_cast<float>(out.size());
      for (float& value : out) value = std::abs(value - mean);
    }
  });
  return deviations;
}

Surface flexicubes(const SurfaceCubes& cubes, const FlexiCubesInput& input, const DualVertices& vertices,
                   Triangulation triangulation) {
  const std::vector<Quad> quads = find_quads(cubes, input, vertices);
  const auto dual_count = static_cast<int32_t>(vertices.positions.size());
  const bool is_fan = triangulation == Triangulation::kFour;
  Surface surface;
  surface.vertices = vertices.positions;
  if (is_fan) surface.vertices.resize(dual_count + quads.size());
  surface.faces.resize((is_fan ? 4 : 2) * quads.size());
  parallel_for(std::ssize(quads), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t q = first; q < last; ++q) {
      if (is_fan) {
        fan(quads[q], static_cast<int32_t>(dual_count + q), surface, &surface.faces[4 * q]);
      } else {
        cut(quads[q], &surface.faces[2 * q]);
      }
    }
  });
  return surface;
}

}  // namespace relievo
