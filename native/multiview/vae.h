// The autoencoder of latent diffusion (Rombach et al. 2022): pictures to latents an eighth of their size, and
// back. Names are those of diffusers' AutoencoderKL.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "multiview/strips.h"
#include "nn/layers.h"
#include "nn/observer.h"

namespace relievo {

struct VaeConfig {
  int64_t channels = 3;
  int64_t latent_channels = 4;
  std::vector<int64_t> widths{128, 256, 512, 512};
  int64_t layers = 2;
  int64_t groups = 32;
};

/// A normal distribution for each latent.
struct LatentDistribution {
  at::Tensor mean;          ///< [B, latent, h, w]
  at::Tensor log_variance;  ///< the same shape, clamped to -30..20

  at::Tensor deviation() const;
  /// `noise` is standard normal, of the same shape.
  at::Tensor sample(const at::Tensor& noise) const;
};

enum class VaeParts { kBoth, kEncoder, kDecoder };

class Vae : public torch::nn::Module {
 public:
  explicit Vae(const VaeConfig& config, VaeParts parts = VaeParts::kBoth);

  /// Maps pictures `[B, 3, H, W]` in -1..1 to moments `[B, 2 latent, H/8, W/8]`, together; those that are
  /// cancelled meanwhile leave the batch (strips.cancel). The observer sees enc_down0, ..., enc_mid, enc_out.
  at::Tensor moments(const at::Tensor& pictures, const Strips& strips = {},
                     const Observer& observer = {}) const;
  static LatentDistribution distribution(const at::Tensor& moments);

  /// Maps latents `[B, latent, h, w]` to pictures `[B, 3, 8h, 8w]`, about -1..1, together as above; where
  /// workers share them, each is given all latents, and makes the pixels of its own rows of them. The
  /// observer sees dec_mid, dec_up0, ...
  at::Tensor decode(const at::Tensor& latents, const Strips& strips = {},
                    const Observer& observer = {}) const;

 private:
  struct Middle;
  struct Down;
  struct Up;
  struct Encoder;
  struct Decoder;

  std::shared_ptr<Encoder> encoder_;
  std::shared_ptr<Decoder> decoder_;
  std::shared_ptr<Conv2d> quant_, post_quant_;
};

}  // namespace relievo
