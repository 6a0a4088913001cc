// Whether a mesh that was made on the stand-in is the CPU's.
#pragma once

#include <algorithm>
#include <cmath>

#include "../engine/tiny_pipeline.h"

namespace relievo {

/// The furthest that a vertex of one lies from the nearest of the other.
inline double distance(const std::vector<Float3>& from, const std::vector<Float3>& to) {
  double furthest = 0;
  for (const Float3& a : from) {
    double nearest = 1e9;
    for (const Float3& b : to)
      nearest = std::min<double>(nearest, std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
    furthest = std::max(furthest, nearest);
  }
  return furthest;
}

inline void expect_near(const MeshBits& made, const MeshBits& expected) {
  constexpr double kSurface = 0.01 * 2 / 20;  // of a cell, as in same_mesh.cpp
  EXPECT_LT(distance(made.vertices, expected.vertices), kSurface);
  EXPECT_LT(distance(expected.vertices, made.vertices), kSurface);
}

}  // namespace relievo
