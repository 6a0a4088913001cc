// The image encoder: a ViT (Dosovitskiy et al. 2021; DINO weights, Caron et al. 2021). InstantMesh's blocks
// are modulated by the camera (adaptive layer norm as in DiT, Peebles and Xie 2023, without gates; Xu et al.
// 2024, section 3.2); TripoSR's, which sees one picture from the front, are not.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/batch_control.h"
#include "nn/block_runner.h"
#include "nn/layers.h"
#include "nn/observer.h"
#include "nn/streamed_weights.h"

namespace relievo {

struct ImageEncoderConfig {
  int64_t width = 768;
  int64_t heads = 12;
  int64_t layers = 12;
  int64_t mlp_width = 3072;
  int64_t patch = 16;
  int64_t image = 224;        ///< side of the pictures that the stored position embedding is for
  bool knows_cameras = true;  ///< whether the cameras modulate the blocks
};

/// Pictures on their way through the encoder, from layer to layer and from one part of it to the next. The
/// fields change their meaning on the way.
struct EncoderWalk {
  /// At first `[N, 3, H, W]` sRGB-encoded 0..1, H and W multiples of the patch.
  at::Tensor pixels;
  /// At first `[N, 16]` (base/camera.h), then their embedding `[N, width]`. Undefined where the encoder knows
  /// no cameras.
  at::Tensor cameras;
  at::Tensor tokens;  ///< `[N, 1 + H/patch * W/patch, width]`, the class token first
};

/// The whole encoder or some of its layers. Layer 0 turns pixels into tokens and embeds the cameras; then
/// come the transformer's layers, and last a norm.
class ImageEncoder : public torch::nn::Module {
 public:
  static int64_t layers(const ImageEncoderConfig& config) { return config.layers + 2; }
  /// The number of parameters of one layer.
  static int64_t numbers(const ImageEncoderConfig& config, int64_t layer);

  explicit ImageEncoder(const ImageEncoderConfig& config);
  /// Makes the layers first .. last - 1.
  ImageEncoder(const ImageEncoderConfig& config, int64_t first, int64_t last);

  /// Encodes pixels `[B, V, 3, H, W]` sRGB-encoded 0..1, H and W multiples of the patch; cameras `[B, V, 16]`
  /// (base/camera.h), or undefined for an encoder that knows none. Returns tokens `[B * V, 1 + H/patch *
  /// W/patch, width]`, the class token first. The observer sees pixel_values, camera_embed, patch, pos_embed,
  /// embeddings, layer0, layer1, ..., and of each layer layer<i>.ln1, layer<i>.attention, layer<i>.ln2 and
  /// layer<i>.gelu.
  at::Tensor forward(const at::Tensor& pixels, const at::Tensor& cameras,
                     const Observer& observer = {}) const;
  /// The same, with the blocks run by `runner`.
  at::Tensor forward_by(const BlockRunner& runner, const at::Tensor& pixels, const at::Tensor& cameras) const;

  /// Takes the walk through this part; pictures that are cancelled leave it between two layers. Throws
  /// Error{kCancelled}, Error{kInvalidSettings} for a picture that does not divide into patches.
  void advance(EncoderWalk& walk, const BatchControl& control = {}, const Observer& observer = {}) const;

  /// Adds each block's parameters to the layers that can come in one after the other.
  void add_layers(std::vector<std::vector<at::Tensor>>& layers) const;
  /// Has them come in so while it computes.
  void stream(LayerStream stream) { stream_ = std::move(stream); }

  /// The stored position embedding `[1, 1 + n, width]` resampled for a picture of height x width pixels.
  at::Tensor position_embedding(int64_t height, int64_t width) const;

 private:
  struct Block;

  void begin(EncoderWalk& walk, const Observer& observer) const;

  ImageEncoderConfig config_;
  int64_t first_;  // index of the first layer
  LayerStream stream_;
  at::Tensor class_token_;
  at::Tensor position_embeddings_;
  std::shared_ptr<Conv2d> patches_;
  std::vector<std::shared_ptr<Block>> blocks_;
  std::shared_ptr<LayerNorm> norm_;
  std::shared_ptr<Linear> camera_in_;
  std::shared_ptr<Linear> camera_out_;
};

}  // namespace relievo
