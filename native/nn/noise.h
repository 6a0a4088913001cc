// Gaussian noise of a picture's own.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace relievo {

/// Whose noise: results depend on nothing else.
struct NoiseKey {
  uint64_t seed = 0;
  uint32_t picture = 0;  ///< what tells pictures of one seed apart
};

/// Standard normal float32 values of `shape` on `device`, a function of key, kind, step and position alone
/// (kernels/noise.h): the same on every device to the bit.
at::Tensor draw_noise(const NoiseKey& key, uint32_t kind, uint32_t step, at::IntArrayRef shape,
                      at::Device device);

}  // namespace relievo
