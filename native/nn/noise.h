// Gaussian noise that belongs to a picture.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace relievo {

/// Identifies the noise: results depend on nothing else.
struct NoiseKey {
  uint64_t seed = 0;
  uint32_t picture = 0;  ///< tells pictures of one seed apart
};

/// Standard normal float32 values of `shape` on `device`, which are the same to the bit on every device: they
/// depend on key, kind, step and position alone (kernels/noise.h).
at::Tensor draw_noise(const NoiseKey& key, uint32_t kind, uint32_t step, at::IntArrayRef shape,
                      at::Device device);

}  // namespace relievo
