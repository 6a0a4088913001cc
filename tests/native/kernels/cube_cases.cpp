#include "kernels/cube_cases.h"

#include <algorithm>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

using Loops = std::set<std::set<int>>;

Loops loops_of(const CubeCase& cube_case) {
  Loops loops;
  for (int k = 0; k < cube_case.vertex_count; ++k) {
    const int8_t* begin = cube_case.edges;
    loops.emplace(begin + cube_case.first[k], begin + cube_case.first[k + 1]);
  }
  return loops;
}

/// One of the 48 ways to turn and mirror the cube: the axes in another order, some reversed.
struct Symmetry {
  std::array<int, 3> axes;
  int mirrored = 0;  ///< a bit an axis

  int corner(int c) const {
    int turned = 0;
    for (int axis = 0; axis < 3; ++axis) turned |= (c >> axes[axis] & 1) << axis;
    return turned ^ mirrored;
  }
  int edge(int e) const { return kEdgeBetween[corner(kEdgeCorners[e][0])][corner(kEdgeCorners[e][1])]; }
  int cube_case(int i) const {
    int turned = 0;
    for (int c = 0; c < kCubeCorners; ++c) turned |= (i >> c & 1) << corner(c);
    return turned;
  }
  std::array<int, 3> step(const int8_t* s) const {
    std::array<int, 3> turned{};
    for (int axis = 0; axis < 3; ++axis)
      turned[axis] = (mirrored >> axis & 1) ? -s[axes[axis]] : s[axes[axis]];
    return turned;
  }
};

std::vector<Symmetry> all_symmetries() {
  std::vector<Symmetry> symmetries;
  std::array<int, 3> axes{0, 1, 2};
  do {
    for (int mirrored = 0; mirrored < 8; ++mirrored) symmetries.push_back({axes, mirrored});
  } while (std::next_permutation(axes.begin(), axes.end()));
  return symmetries;
}

TEST(CubeCases, EveryCrossedEdgeIsInOneLoop) {
  for (int i = 0; i < 256; ++i) {
    const CubeCase& cube_case = kCubeTable.cases[i];
    std::array<int, kCubeEdges> times{};
    for (int k = 0; k < cube_case.edge_count; ++k) ++times[cube_case.edges[k]];
    for (int e = 0; e < kCubeEdges; ++e) {
      const auto [a, b] = kEdgeCorners[e];
      EXPECT_EQ(times[e], (i >> a & 1) != (i >> b & 1)) << "case " << i << " edge " << e;
    }
  }
}

TEST(CubeCases, LoopOfEdgeAgreesWithTheLoops) {
  for (const CubeCase& cube_case : kCubeTable.cases) {
    std::array<int, kCubeEdges> loop{};
    loop.fill(-1);
    for (int k = 0; k < cube_case.vertex_count; ++k) {
      for (int i = cube_case.first[k]; i < cube_case.first[k + 1]; ++i) loop[cube_case.edges[i]] = k;
    }
    EXPECT_TRUE(std::ranges::equal(loop, cube_case.loop_of_edge));
  }
}

TEST(CubeCases, LoopsTurnAndMirrorWithTheCube) {
  for (const Symmetry& symmetry : all_symmetries()) {
    for (int i = 0; i < 256; ++i) {
      Loops turned;
      for (const auto& loop : loops_of(kCubeTable.cases[i])) {
        std::set<int> edges;
        for (const int e : loop) edges.insert(symmetry.edge(e));
        turned.insert(edges);
      }
      EXPECT_EQ(loops_of(kCubeTable.cases[symmetry.cube_case(i)]), turned) << "case " << i;
    }
  }
}

TEST(CubeCases, TwinsTurnAndMirrorWithTheCube) {
  for (const Symmetry& symmetry : all_symmetries()) {
    for (int i = 0; i < 256; ++i) {
      EXPECT_TRUE(std::ranges::equal(kCubeTable.cases[symmetry.cube_case(i)].twin,
                                     symmetry.step(kCubeTable.cases[i].twin)))
          << "case " << i;
    }
  }
}

TEST(CubeCases, CornersInsideAcrossAFaceAreKeptApart) {
  const int corners_1_and_2 = 0b00000110;
  EXPECT_EQ(loops_of(kCubeTable.cases[corners_1_and_2]), (Loops{{0, 1, 9}, {4, 7, 8}}));
}

TEST(CubeCases, CornersOutsideAcrossAFaceAreJoinedAndHaveATwinBehindIt) {
  const CubeCase& all_but_1_and_2 = kCubeTable.cases[0b11111001];
  EXPECT_EQ(loops_of(all_but_1_and_2), (Loops{{0, 1, 4, 7, 8, 9}}));
  EXPECT_TRUE(std::ranges::equal(all_but_1_and_2.twin, std::array<int, 3>{0, 0, -1}));
}

TEST(CubeCases, CornersOutsideAcrossTheCubeAreApart) {
  EXPECT_EQ(loops_of(kCubeTable.cases[0b01111110]), (Loops{{0, 3, 8}, {5, 6, 10}}));
}

// C16 and C19 of the paper: 36 of the 256.
TEST(CubeCases, AnAmbiguousCaseHasOneOnItsOtherSide) {
  int count = 0;
  for (int i = 0; i < 256; ++i) {
    if (!kCubeTable.cases[i].is_ambiguous) continue;
    ++count;
    EXPECT_FALSE(kCubeTable.cases[opposite_case(static_cast<uint8_t>(i))].is_ambiguous) << "case " << i;
    EXPECT_EQ(kCubeTable.cases[opposite_case(static_cast<uint8_t>(i))].vertex_count,
              kCubeTable.cases[i].vertex_count + 1);
  }
  EXPECT_EQ(count, 36);
}

}  // namespace
}  // namespace relievo::kernels
