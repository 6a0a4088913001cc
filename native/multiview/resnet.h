// The convolution blocks that the VAE and the UNet of latent diffusion share (Rombach et al. 2022). Pictures
// are `[B, C, H, W]`, channels last in memory.
#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "nn/feature_maps.h"
#include "nn/layers.h"

namespace relievo {

/// Two normalised 3x3 convolutions with a shortcut; in the UNet, the time's shift is added in between.
struct ResnetBlock : torch::nn::Module {
  /// With a `time_width` of 0 the block takes no time.
  ResnetBlock(int64_t in, int64_t out, int64_t time_width, int64_t groups, double epsilon);

  /// `shift` is `[1, out]`, what time_projection makes of the time's embedding after SiLU, or undefined.
  /// Where workers share the pictures, x has the own rows.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& shift = {},
                     const SharedRows* shared = nullptr) const;
  /// The same for maps that have kernels (nn/feature_maps.h), which leave with their moments. `joined` are
  /// the tokens that they lie in, where they do.
  void forward(FeatureMaps& maps, const at::Tensor& shift, const at::Tensor& joined) const;

  std::shared_ptr<GroupNorm> norm1, norm2;
  std::shared_ptr<Conv2d> conv1, conv2, shortcut;
  std::shared_ptr<Linear> time_projection;
};

/// Reshapes `[B, C, H, W]` to tokens `[B, H * W, C]`, and back.
at::Tensor tokens_of(const at::Tensor& picture);
at::Tensor picture_of(const at::Tensor& tokens, int64_t height, int64_t width);

}  // namespace relievo
