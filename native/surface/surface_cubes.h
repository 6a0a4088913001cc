// The cubes of a grid that a surface crosses, and how: the part of FlexiCubes that needs signs only.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "base/control.h"

namespace relievo {

/// Points and cubes of a grid are numbered x slowest, z fastest: vertex (x (grid + 1) + y) (grid + 1) + z,
/// cube (x grid + y) grid + z. S cubes are crossed; C vertices are corners of one of them. Tensors are int32
/// except `cases` and lie on the device of the distances.
struct SurfaceCubes {
  int grid = 0;           ///< cubes a side
  at::Tensor cubes;       ///< [S] in the grid, ascending
  at::Tensor cases;       ///< [S] uint8, cases of kernels/cube_cases.h, ambiguity resolved
  at::Tensor points;      ///< [C] vertices of the grid, ascending
  at::Tensor corners;     ///< [S, 8] indices into `points`, x fastest
  at::Tensor row_starts;  ///< [grid^2 + 1] where each row along z begins in `cubes`

  int64_t size() const { return cubes.size(0); }
};

/// Finds the crossed cubes from the signed distances `[(grid + 1)^3]` float32 at the vertices of the grid, on
/// their device: negative is inside, zero and NaN are outside. Throws Error{kInternal} for another number of
/// distances or too many cubes, Error{kInvalidSettings} for a device without kernels, Error{kCancelled}.
SurfaceCubes find_surface_cubes(int grid, const at::Tensor& distances, const CancelToken& cancel = {});

}  // namespace relievo
