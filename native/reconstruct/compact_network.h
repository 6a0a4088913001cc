// The compact network: a picture of 128 squared pixels to three planes of features that are aligned with the
// view, and heads that answer at points (after EG3D, Chan et al. 2022, and the triplanes of Hong et al. 2023,
// "LRM"). It answers with corrections of the mask's inflation, so that it begins with what that does well.
// Small enough to learn on two processor cores in hours.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/block_runner.h"
#include "nn/layers.h"
#include "reconstruct/compact_input.h"

namespace relievo {

struct CompactConfig {
  int64_t width = 192;    ///< of the tokens, at least 4; a multiple of `heads`; convolutions go by it
  int64_t blocks = 5;     ///< of the transformer
  int64_t heads = 6;      ///< of its attention
  int64_t channels = 32;  ///< of each plane
  int64_t hidden = 96;    ///< width of the layers that answer at points
};

/// The side of the layered depth that it predicts.
inline constexpr int64_t kCompactDepths = 64;
/// Distances are learnt up to this; beyond, what counts is the sign.
inline constexpr double kCompactReach = 0.1;

/// What it makes of a picture. The box: base/mesh.h, x towards the camera.
struct CompactPlanes {
  at::Tensor input;   ///< [B, 6, S, S] (compact_input.h)
  at::Tensor image;   ///< [B, C, 64, 64] sees (y, z), row 0 at the top as in the picture
  at::Tensor above;   ///< [B, C, 32, 32] sees (y, x), row 0 at the camera's side
  at::Tensor side;    ///< [B, C, 32, 32] sees (x, z), column 0 at the far side
  at::Tensor layers;  ///< [B, 5, 64, 64] x of front and back of two intervals, logit that the second is there
  at::Tensor elevation;  ///< [B] of the camera, radians
  /// [B, 2, 64, 64] how far it takes its own distances behind a pixel to be off, and the inflation's: both
  /// cut at kCompactReach either way.
  at::Tensor errors;
};

struct CompactAnswer {
  /// [B, N] signed, in box units up to about kCompactReach, negative inside, never below what the outline
  /// allows.
  at::Tensor distance;
  at::Tensor colour;  ///< [B, N, 3] sRGB-encoded 0..1
};

/// Self-attention and an MLP, each after a layer norm and added to its input.
struct CompactBlock : Group {
  CompactBlock(int64_t width, int64_t heads);
  at::Tensor forward(const at::Tensor& x) const;  // [B, T, width]

  int64_t heads;
  std::shared_ptr<LayerNorm> norm1, norm2;
  std::shared_ptr<Linear> query_key_value, out, expand, contract;
};

class CompactNetwork : public Group {
 public:
  explicit CompactNetwork(const CompactConfig& config);

  /// `run_block` runs the transformer's blocks; none: they are called.
  CompactPlanes forward(const at::Tensor& input, const BlockRunner& run_block = {}) const;
  /// Answers at points `[B, N, 3]` of the box, where the inflation's distance is `inflated` `[B, N]`.
  CompactAnswer answers(const CompactPlanes& planes, const at::Tensor& points,
                        const at::Tensor& inflated) const;
  /// The answer's parts.
  at::Tensor distance(const CompactPlanes& planes, const at::Tensor& points,
                      const at::Tensor& inflated) const;
  at::Tensor colour(const CompactPlanes& planes, const at::Tensor& points, const at::Tensor& inflated) const;

  const CompactConfig& config() const { return config_; }

 private:
  at::Tensor residual(size_t level, const at::Tensor& x) const;
  /// `[B, N, F]` what the heads see; `seen` `[B, N, 6]` is the picture at the points.
  at::Tensor features(const CompactPlanes& planes, const at::Tensor& points, const at::Tensor& inflated,
                      const at::Tensor& seen) const;
  at::Tensor distance_of(const at::Tensor& features, const at::Tensor& inflated,
                         const at::Tensor& seen) const;
  at::Tensor colour_of(const at::Tensor& features, const at::Tensor& seen) const;

  CompactConfig config_;
  std::shared_ptr<Conv2d> stem_, down1_, down2_;
  std::vector<std::shared_ptr<Conv2d>> residuals_;  // two a level
  at::Tensor places_;                               // [1, 192, width] what tells the tokens apart
  std::shared_ptr<Linear> to_above_, to_side_, elevation_;
  std::vector<std::shared_ptr<CompactBlock>> blocks_;
  std::shared_ptr<LayerNorm> norm_;
  std::vector<std::shared_ptr<Conv2d>> image_up_, above_up_, side_up_;
  std::shared_ptr<Conv2d> layers_;
  std::vector<std::shared_ptr<Linear>> distance_, colour_;
};

/// Reads planes `[B, C, H, W]` at columns and rows -1..1 `[B, N]`; beyond the border the border's value.
/// Returns `[B, N, C]`.
at::Tensor read_plane(const at::Tensor& plane, const at::Tensor& column, const at::Tensor& row);

/// Fills the parameters for a training from scratch, from torch's generator: Kaiming's normal for what comes
/// before an activation (He et al. 2015), smaller for what is added to something, zero for biases.
void initialise(CompactNetwork& network);

}  // namespace relievo
