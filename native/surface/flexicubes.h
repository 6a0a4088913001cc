// FlexiCubes (Shen et al. 2023, arXiv 2308.05371): turns signed distances, vertex positions and weights at
// the cubes that the surface crosses into triangles, on the device that these lie on (kernels/flexicubes.h).
// The order of vertices and faces is that of the published implementation, whatever the device and the number
// of threads.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/mesh.h"
#include "kernels/flexicubes.h"
#include "surface/surface_cubes.h"

namespace relievo {

using kernels::kCubeWeights;

/// The values that FlexiCubes reads besides the cubes; float32, on the cubes' device.
struct FlexiCubesInput {
  /// [C] signed, at SurfaceCubes::points; the same that the cubes were found by.
  at::Tensor distances;
  at::Tensor positions;  ///< [C, 3] of the same points, deformed or not
  /// [S, 21]: beta 0-11, alpha 12-19, gamma 20, before tanh and sigmoid; undefined for beta = alpha = gamma =
  /// 1.
  at::Tensor weights{};
};

/// One vertex for each loop of a cube's case: the beta-weighted mean of the loop's zero crossings (sections
/// 4.2 and 4.3). Cubes with one such vertex come first, then those with two, three and four.
struct DualVertices {
  at::Tensor starts;            ///< [4 S + 1] int32, as kernels::FlexiCubes has them
  at::Tensor deviation_starts;  ///< [4 S + 1] int32
  at::Tensor positions;         ///< [V, 3]
};
DualVertices dual_vertices(const SurfaceCubes& cubes, const FlexiCubesInput& input);

/// `[E]`: for each dual vertex and each of its zero crossings, in the order of the cases, the difference of
/// their distance from that vertex's mean distance. The mean of this is the regulariser L_dev (section 4.4).
at::Tensor edge_deviations(const SurfaceCubes& cubes, const FlexiCubesInput& input,
                           const DualVertices& vertices);

enum class Triangulation {
  kTwo,  ///< each quad cut along the diagonal with the larger product of gammas
  /// Each quad is cut into four around one more vertex, which depends smoothly on gamma (for training); these
  /// vertices follow the others.
  kFour,
};

/// The surface: vertices of DualVertices, triangles counter-clockwise seen from positive distances. Four
/// cubes round each crossed edge of the grid make a quad; edges on the border of the grid make none, so a
/// surface that reaches it is open there. At a distance of exactly zero the published implementation turns
/// triangles the wrong way, and so does this one: callers move such values off zero first.
Surface flexicubes(const SurfaceCubes& cubes, const FlexiCubesInput& input, const DualVertices& vertices,
                   Triangulation triangulation = Triangulation::kTwo);

}  // namespace relievo
