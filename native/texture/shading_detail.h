// The detail of a front that a mesh does not have and its picture shows by shading: folds, seams, carving.
#pragma once

#include <array>
#include <vector>

#include "base/image.h"
#include "base/mesh.h"
#include "nn/execution.h"
#include "texture/projection.h"

namespace relievo {

/// What a picture says of its subject's light, apart from its paint.
struct Shading {
  /// [S, S, 3], S at most 512: the logarithm of each pixel's light over that around it, 0 where the colour
  /// changes, too, or the contrast is that of ink; the light around it, linear; 1.
  Image maps;
};

/// Throws Error{kInvalidImage} for a picture that is not square or not RGBA.
Shading find_shading(const Image& foreground);

/// Estimates how a surface turns where a picture of it is lighter or darker than around: the light is fitted
/// to the surface's own normals and the picture's brightness (first-order spherical harmonics, Ramamoorthi
/// and Hanrahan 2001), and each normal is turned along the gradient of that light (linear shape from shading,
/// Pentland 1990). Where the normals do not tell the light, it is taken to come from above and before.
class ShadingDetail {
 public:
  /// The foreground shows the model box as the input picture does. `normals` are the vertices', unit.
  ShadingDetail(const Surface& surface, const std::vector<Float3>& normals, const Image& foreground,
                const Execution& execution);

  /// What is to be added to the unit normal at a point; nothing where the picture does not see it.
  Float3 at(const float* point, const float* normal) const;

 private:
  void fit_light(const Surface& surface, const std::vector<Float3>& normals);

  Projector projector_;
  float ambient_ = 1;
  Float3 light_{};
};

}  // namespace relievo
