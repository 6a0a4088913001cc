// The picture as Zero123++'s networks are shown it.
#pragma once

#include <array>

#include <ATen/core/Tensor.h>

#include "base/image.h"

namespace relievo {

/// How bytes become a network's input: the shorter edge resized to `side` (PIL's bicubic), the centre cut
/// out, (value / 255 - mean) / deviation.
struct Extractor {
  int side = 224;
  std::array<float, 3> mean{};
  std::array<float, 3> deviation{};
};

/// CLIP's statistics; 224 pixels.
Extractor clip_extractor();
/// Zero123++'s for the VAE: mean 0.5, deviation 0.8, which scale_image undoes; 320 pixels as in InstantMesh.
Extractor vae_extractor();

/// RGB -> `[side, side, 3]`. Throws Error{kInvalidImage} for an empty picture.
ByteImage resized_and_cropped(const ByteImage& rgb, int side);
/// `[S, S, 3]` bytes -> `[1, 3, S, S]` float32.
at::Tensor normalised(const ByteImage& picture, const Extractor& extractor);
at::Tensor extract(const ByteImage& rgb, const Extractor& extractor);  ///< both

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
