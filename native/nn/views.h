// Several pictures of one object, with their cameras.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace relievo {

struct Views {
  at::Tensor pixels;  ///< [V, 3, S, S] float32, sRGB-encoded 0..1, on white
  /// [V, 16] float32: camera-to-world rows 0..2, then fx fy cx cy in units of S (base/camera.h).
  at::Tensor cameras;
  /// [V], or empty where every view is a pinhole camera's. Of an orthographic view, `cameras` has the pinhole
  /// camera that shows the plane through the origin as the view does.
  std::vector<bool> is_orthographic = {};
};

}  // namespace relievo
