// Field -> Surface: where a shape's field changes sign, as closed triangles.
#pragma once

#include <optional>

#include "base/mesh.h"
#include "nn/execution.h"
#include "nn/field.h"

namespace relievo {

struct SurfaceSettings {
  int grid =
      128;  ///< 8..1024: cubes a side of a signed distance, values a side of a density (published: 256)
  std::optional<float> density_threshold = {};  ///< a density above it is inside; else the field's own
  bool close_at_box =
      true;  ///< closes a shape that reaches the border of the grid there, instead of leaving it open
};

/// Meshes a signed-distance field with FlexiCubes (Shen et al. 2023, arXiv 2308.05371) on a regular grid over
/// -1.05..1.05 (InstantMesh's box times 1.05), in the model box; a density field with marching cubes
/// (Lorensen and Cline 1987) over -1..1. Signed distances are evaluated on the whole grid, in chunks;
/// deformation and weights only at cubes that the surface crosses. On a GPU's field the meshing is done there
/// too where the grid's values fit half the byte budget, else on the CPU. Throws Error{kEmptySurface} when
/// the field has one sign everywhere, Error{kInvalidSettings} for a grid out of range, Error{kInternal} for
/// values that are not finite, Error{kCancelled}.
Surface extract_surface(const Field& field, const SurfaceSettings& settings, const Execution& execution);

/// Measures a surface as programs see it that make one of vertices at one place. Throws Error{kInternal} when
/// a face names a vertex that is not there.
SurfaceReport inspect_surface(const Surface& surface);

}  // namespace relievo
