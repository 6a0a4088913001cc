// The triplane transformer of LRM (Hong et al. 2023, arXiv 2311.04400, section 3.2): learnt tokens attend to
// the views' tokens and become three feature planes.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/layers.h"
#include "nn/observer.h"

namespace relievo {

struct TriplaneTransformerConfig {
  int64_t width = 1024;
  int64_t heads = 16;
  int64_t layers = 16;
  int64_t condition_width = 768;
  int64_t low_resolution = 32;   ///< tokens a side of a plane
  int64_t high_resolution = 64;  ///< of the resulting planes: twice the tokens
  int64_t channels = 80;         ///< of the planes
};

class TriplaneTransformer : public torch::nn::Module {
 public:
  explicit TriplaneTransformer(const TriplaneTransformerConfig& config);

  /// condition `[B, L, condition_width]` -> planes `[B, 3, channels, high, high]`. The observer sees, for
  /// each block, `layer<i>.cross_attn`, `layer<i>.self_attn`, `layer<i>.mlp` (before their residual) and
  /// `layer<i>`, then norm and deconv.
  at::Tensor forward(const at::Tensor& condition, const Observer& observer = {}) const;

 private:
  struct Block;

  TriplaneTransformerConfig config_;
  at::Tensor tokens_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<ConvTranspose2d> deconv_;
};

}  // namespace relievo
