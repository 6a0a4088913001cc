// Several pictures of one object, with their cameras.
#pragma once

#include <ATen/core/Tensor.h>

namespace relievo {

struct Views {
  at::Tensor pixels;  ///< [V, 3, S, S] float32, sRGB-encoded 0..1, on white
  /// [V, 16] float32: camera-to-world rows 0..2, then fx fy cx cy in units of S (base/camera.h).
  at::Tensor cameras;
};

}  // namespace relievo
