// Finds what a ray meets on the mesh, and lights it. Internal to render/.
#pragma once

#include <vector>

#include "base/camera.h"
#include "base/image.h"
#include "base/mesh.h"
#include "kernels/rasterise.h"
#include "render/mip_pyramid.h"

namespace relievo::render {

struct Shaded {
  Float3 colour;  ///< linear light
  Float3 albedo;  ///< linear light
  Float3 normal;
  Float3 position;
  float depth;
};

/// Light from a point with normal `normal` for a camera of this pose: per channel, 1 about what a white
/// surface that faces the camera sends back.
Float3 light_on(const Float3& normal, const Matrix4& pose);

struct Shader {
  const TexturedMesh& mesh;
  const std::vector<Float3>& normals;  ///< one a vertex
  const MipPyramid* albedo;            ///< null: vertex colours, or grey
  const MipPyramid* normal_map;        ///< null: none
  const Matrix4& pose;
  /// Mip levels to go below the pixel's own footprint, for several samples a pixel.
  double sharpening;

  /// The point of `face` that the ray of the pixel meets.
  Shaded shade(const kernels::Rasterisation& raster, int64_t face, int column, int row) const;
};

/// Three box blurs of this radius in either direction, nearly a Gaussian; what is outside counts as 0.
void blur(Mask& mask, int radius);

}  // namespace relievo::render
