// The ways in which a surface can pass through one cube: the 256 cases of dual marching cubes (Nielson 2004,
// "Dual Marching Cubes"), derived at compile time from the geometry of the cube.
//
// Corner c lies at (c & 1, c >> 1 & 1, c >> 2 & 1) of its cube. Bit c of a case is set when corner c is
// inside.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/body.h"

namespace relievo::kernels {

inline constexpr int kCubeCorners = 8;
inline constexpr int kCubeEdges = 12;
inline constexpr int kMostDualVertices = 4;

/// The two corners of each edge: four along x and z by turns, then four along y, which run downwards.
inline constexpr std::array<std::array<int, 2>, kCubeEdges> kEdgeCorners{
    {{0, 1}, {1, 5}, {4, 5}, {0, 4}, {2, 3}, {3, 7}, {6, 7}, {2, 6}, {2, 0}, {3, 1}, {7, 5}, {6, 4}}};

constexpr std::array<std::array<int, kCubeCorners>, kCubeCorners> edges_by_corners() {
  std::array<std::array<int, kCubeCorners>, kCubeCorners> edges{};
  for (auto& row : edges) {
    for (int& edge : row) edge = -1;
  }
  for (int e = 0; e < kCubeEdges; ++e) {
    const auto& [a, b] = kEdgeCorners[e];
    edges[a][b] = edges[b][a] = e;
  }
  return edges;
}

/// The edge between two corners, in either direction; -1 when there is none.
inline constexpr auto kEdgeBetween = edges_by_corners();

/// The surface of one case. It leaves the cube in closed loops of crossed edges; each loop is one dual
/// vertex. On a face whose corners are inside and outside by turns, the inside corners are kept apart.
struct CubeCase {
  int8_t vertex_count = 0;
  int8_t edge_count = 0;
  /// The crossed edges, loop by loop, ascending within a loop; loop k is edges[first[k]] .. edges[first[k +
  /// 1] - 1]. Loops are in the order of the lowest corner of the inside component that they bound, then of
  /// their lowest corner outside.
  int8_t edges[kCubeEdges] = {};
  int8_t first[kMostDualVertices + 1] = {};
  /// The loop that an edge belongs to; -1 for an edge that is not crossed.
  int8_t loop_of_edge[kCubeEdges] = {};
  /// The step (x, y, z) to the cube behind a face that one loop crosses twice; zero where there is no such
  /// face. If that cube does the same, the two dual vertices would share an edge of four quads; both cubes
  /// then take the opposite case, which keeps the outside corners apart instead (FlexiCubes, section 4.2;
  /// cases C16 and C19).
  int8_t twin[3] = {};
  bool is_ambiguous = false;  ///< has a twin
};

/// The case that crosses the same edges with inside and outside exchanged.
RELIEVO_BODY constexpr uint8_t opposite_case(uint8_t cube_case) { return static_cast<uint8_t>(~cube_case); }

/// The tables that kernel bodies read. A GPU reads a copy in its own memory.
struct CubeTable {
  CubeCase cases[256];
  int8_t edge_corners[kCubeEdges][2] = {};   ///< kEdgeCorners
  int8_t edges_along[kCubeCorners][3] = {};  ///< the edge that leaves a corner upwards along an axis; else -1
};

extern const CubeTable kCubeTable;

}  // namespace relievo::kernels
