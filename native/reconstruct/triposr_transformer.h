// TripoSR's transformer (Tochilkin et al. 2024, arXiv 2403.02151, section 2): learnt tokens attend to each
// other and to the picture's tokens and become three feature planes. Unlike InstantMesh's
// (triplane_transformer.h) it normalises the learnt tokens by groups, has blocks of latent diffusion's kind
// and adds the learnt tokens to the result, so the two only share the upsampling of the planes.
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
#include "nn/transformer_block.h"

namespace relievo {

struct TripoSrTransformerConfig {
  int64_t channels = 1024;  ///< channels of the learnt tokens
  /// The number of groups that these are normalised in.
  int64_t groups = 32;
  int64_t heads = 16;
  int64_t head_width = 64;
  int64_t layers = 16;
  int64_t condition_width = 768;
  /// Tokens a side of a plane; the resulting planes have twice as many texels.
  int64_t plane_side = 32;
  int64_t plane_channels = 40;  ///< channels of the resulting planes

  int64_t width() const { return heads * head_width; }
};

/// Reorders tokens `[B, 3 side^2, C]`, ordered by plane, row and column, into planes `[B, 3, C, side, side]`.
at::Tensor planes_of_tokens(const at::Tensor& tokens);

/// Swaps rows and columns of the third of planes `[..., 3, C, R, R]`: TripoSR's third plane sees (y, z), the
/// one of kernels/triplane.h (z, y).
at::Tensor third_plane_turned(const at::Tensor& planes);

/// The whole transformer or some of its layers. Layer 0 has the learnt tokens and the projection into the
/// blocks; then come the blocks, the projection out of them, and last the upsampling.
class TripoSrTransformer {
 public:
  static int64_t layers(const TripoSrTransformerConfig& config) { return config.layers + 3; }
  /// The number of parameters of one layer.
  static int64_t numbers(const TripoSrTransformerConfig& config, int64_t layer);

  /// Makes the layers first .. last - 1, registered below `parent` as the published file names them:
  /// tokenizer, backbone, post_processor.
  TripoSrTransformer(torch::nn::Module& parent, const TripoSrTransformerConfig& config, int64_t first,
                     int64_t last);

  /// Takes tokens `[B, 3 side^2, C]` (at first undefined, after the last layer planes `[B, 3, plane_channels,
  /// 2 side, 2 side]` with axes as in kernels/triplane.h) and the summand that is to be added to them through
  /// this part; condition is `[B, L, condition_width]`. Pictures that are cancelled leave all three between
  /// two blocks. The observer sees tokens, norm, proj_in, for each block the values of TransformerBlock as
  /// layer<i>, proj_out and out. Workers that share tokens take the own ones, and each makes all planes.
  /// `runner` runs the blocks. Throws Error{kCancelled}.
  void advance(at::Tensor& tokens, at::Tensor& residual, at::Tensor& condition,
               const BatchControl& control = {}, const Observer& observer = {},
               const SharedRows* shared = nullptr, const BlockRunner& runner = {}) const;

  /// As ImageEncoder's.
  void add_layers(std::vector<std::vector<at::Tensor>>& layers) const;
  void stream(LayerStream stream) { stream_ = std::move(stream); }

 private:
  int64_t first_;  // index of the first layer
  LayerStream stream_;
  at::Tensor learnt_;  // [3, C, side, side]
  std::shared_ptr<GroupNorm> norm_;
  std::shared_ptr<Linear> proj_in_, proj_out_;
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
  std::shared_ptr<ConvTranspose2d> upsample_;
};

}  // namespace relievo
