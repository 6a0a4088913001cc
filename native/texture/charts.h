// Cuts a surface into charts: connected faces laid out flat (by xatlas).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/control.h"
#include "base/mesh.h"

namespace relievo {

/// A part of the surface in the plane, at the surface's own scale: its area is that of its faces.
struct Chart {
  std::vector<int32_t> faces;                    ///< faces of the surface
  std::vector<std::array<Float2, 3>> corner_uv;  ///< one triple a face of the chart, from (0, 0) on
  Float2 size{0, 0};                             ///< largest u and v
};

/// Unwraps every face that has an area: charts grown and laid out by xatlas (least squares conformal maps,
/// Levy et al. 2002), not mirrored. Parts of the surface are unwrapped side by side on parallel_threads()
/// threads. Faces without an area are in no chart. Throws Error{kCancelled}.
std::vector<Chart> make_charts(const Surface& surface, const Control& control);

}  // namespace relievo
