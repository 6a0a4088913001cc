// Turns a field into a surface: closed triangles where the field changes sign.
#pragma once

#include <optional>

#include "base/mesh.h"
#include "nn/execution.h"
#include "nn/field.h"

namespace relievo {

struct SurfaceSettings {
  /// 8..1024: cubes a side for a signed distance, values a side for a density (published: 256).
  int grid = 128;
  /// A density above this is inside; without a value the field's own threshold counts.
  std::optional<float> density_threshold = {};
  /// Closes a shape that reaches the border of the grid, instead of leaving it open there.
  bool close_at_box = true;
};

/// Meshes a signed-distance field with FlexiCubes (Shen et al. 2023, arXiv 2308.05371) on a regular grid over
/// -1.05..1.05 (InstantMesh's box times 1.05), in the model box; a density field with marching cubes
/// (Lorensen and Cline 1987) over -1..1. Signed distances are evaluated on the whole grid, in chunks;
/// deformation and weights only at cubes that the surface crosses, and its vertices are settled
/// (Field::settled). On a GPU's field the meshing is done there
/// too where the grid's values fit half the byte budget, else on the CPU. Throws Error{kEmptySurface} when
/// the field has one sign everywhere, Error{kInvalidSettings} for a grid out of range, Error{kInternal} for
/// values that are not finite, Error{kCancelled}.
Surface extract_surface(const Field& field, const SurfaceSettings& settings, const Execution& execution);

/// Measures a surface as those programs see it that merge vertices at one place. Throws Error{kInternal} when
/// a face names a vertex that is not there.
SurfaceReport inspect_surface(const Surface& surface);

}  // namespace relievo
