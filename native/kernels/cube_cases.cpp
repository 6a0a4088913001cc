#include "kernels/cube_cases.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace relievo::kernels {
namespace {

constexpr bool is_inside(int cube_case, int corner) { return cube_case >> corner & 1; }

/// One face of the cube: its corners in order around it, and the step to the cube behind it.
struct CubeFace {
  std::array<int, 4> corners{};
  std::array<int, 3> step{};
};

constexpr std::array<CubeFace, 6> derive_faces() {
  std::array<CubeFace, 6> faces;
  for (int axis = 0; axis < 3; ++axis) {
    for (int side = 0; side < 2; ++side) {
      const int origin = side << axis, u = 1 << (axis + 1) % 3, v = 1 << (axis + 2) % 3;
      CubeFace& face = faces[2 * axis + side];
      face.corners = {origin, origin + u, origin + u + v, origin + v};
      face.step[axis] = side == 0 ? -1 : 1;
    }
  }
  return faces;
}

constexpr std::array<CubeFace, 6> kFaces = derive_faces();

using Labels = std::array<int, kCubeEdges>;

constexpr void join(Labels& labels, int a, int b) {
  const int kept = std::min(labels[a], labels[b]), replaced = std::max(labels[a], labels[b]);
  for (int& label : labels) {
    if (label == replaced) label = kept;
  }
}

constexpr Labels separate() {
  Labels labels{};
  for (int i = 0; i < kCubeEdges; ++i) labels[i] = i;
  return labels;
}

/// Labels each crossed edge with the lowest edge of its loop. Around a face, each run of inside corners is
/// cut off from the rest by a line between the edges on which it begins and ends; the lines on all faces are
/// the loops.
constexpr Labels loops(int cube_case) {
  Labels labels = separate();
  for (const CubeFace& face : kFaces) {
    const auto corner = [&](int k) { return face.corners[k % 4]; };
    for (int begin = 0; begin < 4; ++begin) {
      if (is_inside(cube_case, corner(begin)) || !is_inside(cube_case, corner(begin + 1))) continue;
      int end = begin + 1;
      while (is_inside(cube_case, corner(end + 1))) ++end;
      join(labels, kEdgeBetween[corner(begin)][corner(begin + 1)],
           kEdgeBetween[corner(end)][corner(end + 1)]);
    }
  }
  return labels;
}

/// Labels each inside corner with the lowest inside corner that it is connected to along edges.
constexpr Labels inside_components(int cube_case) {
  Labels labels = separate();
  for (const auto& [a, b] : kEdgeCorners) {
    if (is_inside(cube_case, a) && is_inside(cube_case, b)) join(labels, a, b);
  }
  return labels;
}

constexpr CubeCase derive_case(int cube_case) {
  const Labels loop = loops(cube_case), component = inside_components(cube_case);
  const auto is_crossed = [&](int e) {
    return is_inside(cube_case, kEdgeCorners[e][0]) != is_inside(cube_case, kEdgeCorners[e][1]);
  };
  // These two are indexed by a loop's lowest edge, and loops are sorted by them.
  Labels lowest_outside{}, place{};
  lowest_outside.fill(kCubeCorners);
  for (int e = 0; e < kCubeEdges; ++e) {
    if (!is_crossed(e)) continue;
    const auto [first, second] = kEdgeCorners[e];
    const int inside = is_inside(cube_case, first) ? first : second, outside = first + second - inside;
    int& lowest = lowest_outside[loop[e]];
    lowest = std::min<int>(lowest, outside);
    place[loop[e]] = component[inside] * kCubeCorners + lowest;
  }

  CubeCase result;
  for (int8_t& label : result.loop_of_edge) label = -1;
  for (int last_place = -1;;) {
    int next_place = std::numeric_limits<int>::max();
    for (int e = 0; e < kCubeEdges; ++e) {
      if (is_crossed(e) && place[loop[e]] > last_place) next_place = std::min(next_place, place[loop[e]]);
    }
    if (next_place == std::numeric_limits<int>::max()) break;
    for (int e = 0; e < kCubeEdges; ++e) {
      if (!is_crossed(e) || place[loop[e]] != next_place) continue;
      result.edges[result.edge_count++] = static_cast<int8_t>(e);
      result.loop_of_edge[e] = result.vertex_count;
    }
    result.first[++result.vertex_count] = result.edge_count;
    last_place = next_place;
  }

  for (const CubeFace& face : kFaces) {
    bool crosses_twice = true;
    const int first_loop = result.loop_of_edge[kEdgeBetween[face.corners[0]][face.corners[1]]];
    for (int k = 0; k < 4; ++k) {
      const int e = kEdgeBetween[face.corners[k]][face.corners[(k + 1) % 4]];
      crosses_twice = crosses_twice && is_crossed(e) && result.loop_of_edge[e] == first_loop;
    }
    if (!crosses_twice) continue;
    result.is_ambiguous = true;
    for (int axis = 0; axis < 3; ++axis) result.twin[axis] = static_cast<int8_t>(face.step[axis]);
  }
  return result;
}

// Each case is a constant expression of its own, because compilers limit the work of a single one.
template <int kCase>
constexpr CubeCase kDerivedCase = derive_case(kCase);

template <int... kCases>
constexpr CubeTable derive_table(std::integer_sequence<int, kCases...>) {
  CubeTable table{.cases = {kDerivedCase<kCases>...}};
  for (int e = 0; e < kCubeEdges; ++e) {
    for (int end = 0; end < 2; ++end) table.edge_corners[e][end] = static_cast<int8_t>(kEdgeCorners[e][end]);
  }
  for (int corner = 0; corner < kCubeCorners; ++corner) {
    for (int axis = 0; axis < 3; ++axis) {
      const int other = corner | 1 << axis;
      table.edges_along[corner][axis] =
          static_cast<int8_t>(other == corner ? -1 : kEdgeBetween[corner][other]);
    }
  }
  return table;
}

}  // namespace

constinit const CubeTable kCubeTable = derive_table(std::make_integer_sequence<int, 256>());

}  // namespace relievo::kernels
