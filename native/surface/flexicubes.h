// FlexiCubes (Shen et al. 2023, arXiv 2308.05371): from signed distances, vertex positions and weights at the
// cubes that the surface crosses to triangles. No torch; the order of everything is that of the published
// implementation, whatever the number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/mesh.h"
#include "surface/surface_cubes.h"

namespace relievo {

/// Weights of a cube: beta 0-11 (edges), alpha 12-19 (corners), gamma 20, before tanh and sigmoid.
inline constexpr int kCubeWeights = 21;

/// What FlexiCubes reads, beside the cubes. Nothing is copied; the spans outlive the call.
struct FlexiCubesInput {
  std::span<const float>
      distances;  ///< [C] signed, at SurfaceCubes::points; the ones that the cubes were found by
  std::span<const Float3> positions;  ///< [C] of the same points, deformed or not
  std::span<const float> weights;     ///< [S, 21]; empty for beta = alpha = gamma = 1
};

/// One vertex a loop of kCubeCases: the beta-weighted mean of the loop's zero crossings (sections 4.2
/// and 4.3). Cubes with one such vertex come first, then those with two, three and four.
struct DualVertices {
  std::vector<int32_t> first;     ///< [S] where each cube's vertices begin
  std::vector<Float3> positions;  ///< [V]
};
DualVertices dual_vertices(const SurfaceCubes& cubes, const FlexiCubesInput& input);

/// For each dual vertex and each of its zero crossings, in the order of kCubeCases: how much farther than the
/// mean they are from each other. Its mean is the regulariser L_dev (section 4.4).
std::vector<float> edge_deviations(const SurfaceCubes& cubes, const FlexiCubesInput& input,
                                   const DualVertices& vertices);

enum class Triangulation {
  kTwo,   ///< each quad cut along the diagonal with the larger product of gammas
  kFour,  ///< round one more vertex a quad, which depends smoothly on gamma; these follow the others
          ///< (training)
};

/// The surface: vertices of DualVertices, triangles counter-clockwise seen from positive distances. Four
/// cubes round each crossed edge of the grid make a quad; edges in the border of the grid make none, so a
/// surface that reaches it is open there. At a distance of exactly zero the published implementation turns
/// triangles the wrong way, and so does this one: move such values off zero before.
Surface flexicubes(const SurfaceCubes& cubes, const FlexiCubesInput& input, const DualVertices& vertices,
                   Triangulation triangulation = Triangulation::kTwo);

}  // namespace relievo
