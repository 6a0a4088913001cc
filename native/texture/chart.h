// A part of a surface in the plane.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// A part of the surface in the plane, at the surface's own scale: its area is that of its faces.
struct Chart {
  std::vector<int32_t> faces;                    ///< faces of the surface
  std::vector<std::array<Float2, 3>> corner_uv;  ///< one triple a face of the chart, from (0, 0) on
  Float2 size{0, 0};                             ///< largest u and v
};

/// The area of a triangle of the plane; negative where it is turned over.
double uv_area(const std::array<Float2, 3>& corners);

/// Moves a chart to the origin and scales it to its faces' area.
void normalise(Chart& chart, const Surface& surface);

/// The mean stretch of faces laid out in the plane at whatever scale: the root of the mean square of the
/// singular values of the maps from the plane onto the faces, weighted by their area (L2 of Sander, Snyder,
/// Gortler and Hoppe 2001), times the root of the areas' ratio. 1 where every face keeps its shape and all
/// have the same scale; 0 where there is no area.
class Stretch {
 public:
  void add(const Surface& surface, const Int3& face, const std::array<Float2, 3>& corners);
  double mean() const;

 private:
  double area_ = 0, flat_area_ = 0, sum_ = 0;
};

}  // namespace relievo
