// The triplane transformer of LRM (Hong et al. 2023, arXiv 2311.04400, section 3.2): learnt tokens attend to
// the views' tokens and become three feature planes.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/batch_control.h"
#include "nn/block_runner.h"
#include "nn/layers.h"
#include "nn/observer.h"
#include "nn/shared_rows.h"
#include "nn/streamed_weights.h"

namespace relievo {

struct TriplaneTransformerConfig {
  int64_t width = 1024;
  int64_t heads = 16;
  int64_t layers = 16;
  int64_t condition_width = 768;
  int64_t low_resolution = 32;   ///< tokens a side of a plane
  int64_t high_resolution = 64;  ///< side of the resulting planes: twice the tokens
  int64_t channels = 80;         ///< channels of the planes
};

/// What workers share that compute tokens together: null and false where one computes alone.
struct SharedTokens {
  const SharedRows* tokens = nullptr;
  bool shares_condition = false;  ///< each has the condition's own tokens

  /// The rows of all workers for the own ones `[B, T, width]`.
  at::Tensor all(const at::Tensor& own) const { return tokens ? tokens->joined(own, 1) : own; }
  at::Tensor all_of_condition(const at::Tensor& own) const { return shares_condition ? all(own) : own; }
};

/// The whole transformer or some of its layers. Layer 0 has the learnt tokens; then come the transformer's
/// layers, and last the one that turns tokens into planes.
class TriplaneTransformer : public torch::nn::Module {
 public:
  static int64_t layers(const TriplaneTransformerConfig& config) { return config.layers + 2; }
  /// The number of parameters of one layer.
  static int64_t numbers(const TriplaneTransformerConfig& config, int64_t layer);

  explicit TriplaneTransformer(const TriplaneTransformerConfig& config);
  /// Makes the layers first .. last - 1.
  TriplaneTransformer(const TriplaneTransformerConfig& config, int64_t first, int64_t last);

  /// Maps condition `[B, L, condition_width]` to planes `[B, 3, channels, high, high]`. The observer sees,
  /// for each block, `layer<i>.cross_attn`, `layer<i>.self_attn`, `layer<i>.mlp` (before their residual) and
  /// `layer<i>`, then norm and deconv.
  at::Tensor forward(const at::Tensor& condition, const Observer& observer = {}) const;
  /// The same, with the blocks run by `runner`.
  at::Tensor forward_by(const BlockRunner& runner, const at::Tensor& condition) const;

  /// Takes tokens `[B, 3 low^2, width]` (at first undefined, after the last layer the planes) through this
  /// part. Pictures that are cancelled leave them and the condition between two layers. Workers that share
  /// tokens take the own ones, and each makes all planes. Throws Error{kCancelled}.
  at::Tensor advance(at::Tensor tokens, at::Tensor& condition, const BatchControl& control = {},
                     const Observer& observer = {}, const SharedTokens& shared = {}) const;

  /// As ImageEncoder's.
  void add_layers(std::vector<std::vector<at::Tensor>>& layers) const;
  void stream(LayerStream stream) { stream_ = std::move(stream); }

 private:
  struct Block;

  at::Tensor planes_of(const at::Tensor& tokens, const Observer& observer) const;

  TriplaneTransformerConfig config_;
  int64_t first_;  // index of the first layer
  LayerStream stream_;
  at::Tensor tokens_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<ConvTranspose2d> deconv_;
};

}  // namespace relievo
