// The cubes of a grid that a surface crosses, and how: all of FlexiCubes that needs signs only.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/control.h"
#include "surface/cube_cases.h"

namespace relievo {

/// Points and cubes of a grid are numbered x slowest, z fastest: vertex (x (grid + 1) + y) (grid + 1) + z,
/// cube (x grid + y) grid + z. S cubes are crossed; C vertices are corners of one of them.
struct SurfaceCubes {
  int grid = 0;                 ///< cubes a side
  std::vector<int32_t> cubes;   ///< [S] in the grid, ascending
  std::vector<uint8_t> cases;   ///< [S] indices into kCubeCases, ambiguity resolved
  std::vector<int32_t> points;  ///< [C] vertices of the grid, ascending
  std::vector<std::array<int32_t, kCubeCorners>> corners;  ///< [S] indices into `points`, x fastest
  std::vector<int32_t> row_starts;  ///< [grid^2 + 1] where in `cubes` each row along z begins

  int64_t size() const { return static_cast<int64_t>(cubes.size()); }

  /// The place in `cubes` of the cube (x, y, z) of the grid; -1 when the surface does not cross it.
  int32_t find(int x, int y, int z) const;
};

/// Finds them from the signed distances `[(grid + 1)^3]` at the vertices of the grid: negative is inside,
/// zero and NaN are outside. Throws Error{kInternal} for another number of distances, Error{kCancelled}.
SurfaceCubes find_surface_cubes(int grid, std::span<const float> distances, const CancelToken& cancel = {});

}  // namespace relievo
