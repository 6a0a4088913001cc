// Prepares the picture for Zero123++'s networks.
#pragma once

#include <array>

#include <ATen/core/Tensor.h>

#include "base/image.h"

namespace relievo {

/// The way bytes become a network's input: the shorter edge is resized to `side` (PIL's bicubic), the centre
/// is cut out, and values become (value / 255 - mean) / deviation.
struct Extractor {
  int side = 224;
  std::array<float, 3> mean{};
  std::array<float, 3> deviation{};
};

/// Uses CLIP's statistics and 224 pixels.
Extractor clip_extractor();
/// Uses Zero123++'s values for the VAE: mean 0.5, deviation 0.8, which scale_image undoes; 320 pixels as in
/// InstantMesh.
Extractor vae_extractor();

/// Resizes RGB and cuts out `[side, side, 3]`. Throws Error{kInvalidImage} for an empty picture.
ByteImage resized_and_cropped(const ByteImage& rgb, int side);
/// Maps `[S, S, 3]` bytes to `[1, 3, S, S]` float32.
at::Tensor normalised(const ByteImage& picture, const Extractor& extractor);
at::Tensor extract(const ByteImage& rgb, const Extractor& extractor);  ///< does both

/// Zero123++'s own scales of latents and pictures (its section 2.3), and their inverses.
at::Tensor scale_latents(const at::Tensor& latents);
at::Tensor unscale_latents(const at::Tensor& latents);
at::Tensor scale_image(const at::Tensor& image);
at::Tensor unscale_image(const at::Tensor& image);

/// The prompt that conditions the denoiser, `[2, T, X]`: the empty prompt's states `[T, X]`; and the same
/// plus the picture's embedding `[1, X]` in proportion to the position's coefficient of `ramp` `[T]`.
at::Tensor prompt_states(const at::Tensor& empty_prompt, const at::Tensor& image_embedding,
                         const at::Tensor& ramp);

}  // namespace relievo
