// Bakes how much of the sky each place of a surface sees.
#pragma once

#include "base/image.h"
#include "base/mesh.h"
#include "nn/execution.h"

namespace relievo {

struct OcclusionSettings {
  int size = 1024;  ///< texels a side
  int rays = 64;    ///< a texel
  /// Distance up to which the surface hides the sky from itself, as a share of its diagonal.
  float reach = 0.5f;
};

/// The ambient occlusion of a surface with UVs that do not overlap, 1 channel: 255 where the whole sky is
/// open, 0 where none is (kernels/rays.h). Beyond the charts it is continued. It is computed on the
/// processor. Throws Error{kCancelled}.
ByteImage bake_occlusion(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                         const OcclusionSettings& settings, const Execution& execution);

}  // namespace relievo
