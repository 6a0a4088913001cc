// A region of a surface as a mesh of its own, and its places in the plane. Internal to texture/.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

using Double2 = std::array<double, 2>;

/// The region as a mesh of its own.
struct Patch {
  const Surface& surface;
  const std::vector<int32_t>& numbers;  // of the faces
  std::vector<int32_t> vertices;        // of the surface, ascending
  std::vector<Int3> faces;              // of the patch's vertices

  Patch(const Surface& surface_, const std::vector<int32_t>& numbers_);
};

using Plane = std::vector<Double2>;  // a place for each vertex of a patch

inline double wedge(const Double2& a, const Double2& b) { return a[0] * b[1] - a[1] * b[0]; }
inline Double2 minus(const Double2& a, const Double2& b) { return {a[0] - b[0], a[1] - b[1]}; }

inline double area_in(const Plane& plane, const Int3& face) {
  return wedge(minus(plane[face[1]], plane[face[0]]), minus(plane[face[2]], plane[face[0]])) / 2;
}

/// Projects the patch along a direction that its faces look in.
Plane projected(const Patch& patch, const Float3& direction);

/// Brings every face nearer to its own shape: turns each as it lies in the plane, then moves the vertices to
/// where their faces want them, by least squares.
void even_out(const Patch& patch, Plane& plane);

}  // namespace relievo
