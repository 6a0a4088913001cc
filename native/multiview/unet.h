// The denoising network of Stable Diffusion 2.1 (Rombach et al. 2022), with Zero123++'s reference attention
// (Shi et al. 2023, arXiv 2310.15110, section 2.2). Names are those of diffusers' UNet2DConditionModel.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "base/control.h"
#include "nn/layers.h"
#include "nn/observer.h"

namespace relievo {

struct UnetConfig {
  int64_t channels = 4;
  std::vector<int64_t> widths{320, 640, 1280, 1280};
  std::vector<int64_t> heads{5, 10, 20, 20};           ///< of each level
  std::vector<bool> attends{true, true, true, false};  ///< which levels have attention
  int64_t layers = 2;
  int64_t prompt_width = 1024;
  int64_t groups = 32;
};

/// Keys and values `[B, T, C]` of one attention layer.
struct KeyValue {
  at::Tensor key;
  at::Tensor value;
};

/// Of every attention layer, in the order in which a picture passes them.
using KeyValues = std::vector<KeyValue>;

/// What a pass is given besides the noisy latents.
struct UnetPass {
  const KeyValues* prompt = nullptr;     ///< of the cross attentions: Unet::prompt()
  const KeyValues* reference = nullptr;  ///< a read pass: what self attention sees besides its own tokens
  KeyValues* record = nullptr;  ///< a write pass: filled with the self attentions' own keys and values
  CancelToken cancel;           ///< looked at before each block
  Observer observer;            ///< sees time_embedding and each block by its module name
};

class Unet : public torch::nn::Module {
 public:
  explicit Unet(const UnetConfig& config);
  ~Unet() override;

  /// The cross attentions' keys and values for text states `[B, T, prompt_width]`. They are the same in all
  /// steps of a run and in both passes.
  KeyValues prompt(const at::Tensor& states) const;

  /// latents `[B, 4, h, w]` at a training timestep -> the prediction, of the same shape; an undefined tensor
  /// from a write pass, which ends with its last attention. Rows of the batch do not see each other. Throws
  /// Error{kCancelled}.
  at::Tensor forward(const at::Tensor& latents, double timestep, const UnetPass& pass) const;

 private:
  struct Attention;
  struct TransformerBlock;
  struct Transformer;
  struct Down;
  struct Middle;
  struct Up;
  class Call;

  UnetConfig config_;
  std::shared_ptr<Linear> time_in_, time_out_;
  std::shared_ptr<Conv2d> conv_in_, conv_out_;
  std::vector<std::shared_ptr<Down>> downs_;
  std::shared_ptr<Middle> middle_;
  std::vector<std::shared_ptr<Up>> ups_;
  std::shared_ptr<GroupNorm> norm_;
  std::vector<std::shared_ptr<Transformer>> transformers_;  // in the order in which a picture passes them
};

/// Rows `[first, first + count)` of every layer's batch.
KeyValues batch_rows(const KeyValues& all, int64_t first, int64_t count);

}  // namespace relievo
