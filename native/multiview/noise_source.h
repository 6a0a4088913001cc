// Supplies the noise of one picture, or the noise that verification puts in its place.
#pragma once

#include "multiview/multiview.h"

namespace relievo {

inline at::Tensor noise_for(const NoiseKey& key, const MultiviewHooks& hooks, NoiseUse use, int step,
                            at::IntArrayRef shape, at::Device device) {
  if (hooks.noise) return hooks.noise(use, step, shape).to(device);
  return draw_noise(key, static_cast<uint32_t>(use), static_cast<uint32_t>(step), shape, device);
}

}  // namespace relievo
