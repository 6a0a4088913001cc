// Finds what a ray meets on the mesh, and lights it. Internal to render/.
#pragma once

#include <vector>

#include "base/camera.h"
#include "base/image.h"
#include "base/mesh.h"
#include "kernels/mip_pyramid.h"
#include "kernels/rasterise.h"

namespace relievo::render {

struct Shaded {
  Float3 colour;  ///< linear light
  Float3 albedo;  ///< linear light
  Float3 normal;
  Float3 position;
  float depth;
};

/// The light that a point with this normal reflects for a camera of this pose, per channel: 1 is about what a
/// white surface that faces the camera reflects.
Float3 light_on(const Float3& normal, const Matrix4& pose);

struct Shader {
  const TexturedMesh& mesh;
  const std::vector<Float3>& normals;     ///< one a vertex
  const kernels::MipPyramid* albedo;      ///< null where vertex colours or grey are shown
  const kernels::MipPyramid* normal_map;  ///< null where there is none
  const Matrix4& pose;
  /// The number of mip levels below the pixel's own footprint, because several samples share a pixel.
  double sharpening;

  /// Shades the point of `face` that the ray of the pixel meets.
  Shaded shade(const kernels::Rasterisation& raster, int64_t face, int column, int row) const;
};

/// Blurs by three box blurs of this radius in either direction, nearly a Gaussian; pixels outside count as 0.
void blur(Mask& mask, int radius);

}  // namespace relievo::render
