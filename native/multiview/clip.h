// CLIP's two towers (Radford et al. 2021; the OpenCLIP ViT-H/14 pair that Stable Diffusion 2.1 uses). Names
// are those of Hugging Face's CLIPTextModel and CLIPVisionModelWithProjection.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/batch_control.h"
#include "nn/layers.h"
#include "nn/observer.h"
#include "nn/streamed_weights.h"

namespace relievo {

struct ClipTextConfig {
  int64_t width = 1024;
  int64_t mlp_width = 4096;
  int64_t layers = 23;
  int64_t heads = 16;
  int64_t vocabulary = 49408;
  int64_t positions = 77;
};

struct ClipVisionConfig {
  int64_t width = 1280;
  int64_t mlp_width = 5120;
  int64_t layers = 32;
  int64_t heads = 16;
  int64_t image = 224;
  int64_t patch = 14;
  int64_t projection = 1024;
};

struct ClipLayer;

class ClipText : public torch::nn::Module {
 public:
  explicit ClipText(const ClipTextConfig& config);

  /// Maps ids `[B, T]` int64, T up to the number of positions, to states `[B, T, width]`. The observer sees
  /// hidden0, hidden1, ...
  at::Tensor forward(const at::Tensor& ids, const Observer& observer = {}) const;

  /// The states `[1, positions, width]` of the empty prompt: begin, end, then padding. SD 2.x pads with id 0;
  /// begin and end are the vocabulary's last two.
  at::Tensor empty_prompt() const;

 private:
  ClipTextConfig config_;
  at::Tensor tokens_;
  at::Tensor positions_;
  std::vector<std::shared_ptr<ClipLayer>> layers_;
  std::shared_ptr<LayerNorm> final_norm_;
};

class ClipVision : public torch::nn::Module {
 public:
  explicit ClipVision(const ClipVisionConfig& config);

  /// Maps pixels `[B, 3, image, image]`, normalised (conditioning.h), to the projected class token `[B,
  /// projection]`; pictures that are cancelled meanwhile leave the batch. The observer sees hidden0 (after
  /// the first norm), hidden1, ..., last_hidden_state. Throws Error{kCancelled}.
  at::Tensor forward(const at::Tensor& pixels, const Observer& observer = {},
                     const BatchControl& control = {}) const;

  /// Has the layers' weights come in while it computes; they were loaded into `weights`.
  void stream(std::shared_ptr<StreamedWeights> weights);

 private:
  ClipVisionConfig config_;
  LayerStream stream_;
  at::Tensor class_token_;
  at::Tensor positions_;
  std::shared_ptr<Conv2d> patches_;
  std::shared_ptr<LayerNorm> first_norm_;
  std::vector<std::shared_ptr<ClipLayer>> layers_;
  std::shared_ptr<LayerNorm> last_norm_;
  std::shared_ptr<Linear> projection_;
};

}  // namespace relievo
