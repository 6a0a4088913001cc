// The transformer of a latent diffusion UNet (Rombach et al. 2022): the pixels of a picture see each other,
// then the prompt; with Zero123++'s reference attention (Shi et al. 2023, arXiv 2310.15110, section 2.2) they
// see a reference picture's too.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <ATen/core/Tensor.h>

#include "nn/feature_maps.h"
#include "nn/layers.h"
#include "nn/observer.h"
#include "nn/shared_rows.h"
#include "nn/transformer_block.h"

namespace relievo {

/// Everything that the blocks of a network get besides the pictures.
struct UnetPass {
  /// Is called before each layer; throws Error{kCancelled} when the result is not wanted any more.
  std::function<void()> check = [] {};
  Observer observer;  ///< sees time_embedding and each block by its module name
  /// Sees the inputs of the self attentions for the reference.
  Observer reference_observer;
  /// Where workers share the noisy latents' rows, each with the whole reference; else null.
  const SharedRows* shared = nullptr;
};

class UnetTransformer : public Group {
 public:
  UnetTransformer(int64_t width, int64_t heads, int64_t prompt_width, int64_t groups);
  ~UnetTransformer() override;

  /// The cross attention's keys and values for text states `[B, T, prompt_width]`.
  KeyValue prompt(const at::Tensor& states) const;

  /// Adds the attention's results to the maps in place: the picture's `[B, C, h, w]` and, where there is a
  /// second one, the reference's `[B, C, h', w']`. The reference attends to itself and the picture to both,
  /// row by row of the batch. After the network's last transformer the reference is not needed any more:
  /// `is_last` takes it out. `path` is this module's name for the observers.
  void forward(FeatureMaps& maps, bool is_last, const KeyValue& prompt, const std::string& path,
               const UnetPass& pass) const;

 private:
  struct Block;

  std::shared_ptr<GroupNorm> norm_;
  std::shared_ptr<Linear> proj_in_, proj_out_;
  std::shared_ptr<Block> block_;
};

}  // namespace relievo
