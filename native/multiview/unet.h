// The denoising network of Stable Diffusion 2.1 (Rombach et al. 2022), with Zero123++'s reference attention
// (multiview/unet_transformer.h). Names are those of diffusers' UNet2DConditionModel.
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "multiview/unet_transformer.h"
#include "nn/layers.h"
#include "nn/streamed_weights.h"

namespace relievo {

struct UnetConfig {
  int64_t channels = 4;
  std::vector<int64_t> widths{320, 640, 1280, 1280};
  std::vector<int64_t> heads{5, 10, 20, 20};           ///< heads of each level
  std::vector<bool> attends{true, true, true, false};  ///< which levels have attention
  int64_t layers = 2;
  int64_t prompt_width = 1024;
  int64_t groups = 32;
};

/// The keys and values of each attention layer, in the order in which a picture passes them.
using KeyValues = std::vector<KeyValue>;

/// What each residual block of a part adds to its channels, in the order in which a picture passes them:
/// `[S, C]` for S timesteps. It depends on nothing else.
using TimeShifts = std::vector<at::Tensor>;

/// The state that goes through the network, from layer to layer and from one part of it to the next. The
/// published pipeline first sends the reference through alone and keeps the inputs of its self attentions
/// (the write pass), then the noisy latents (the read pass). Here both go side by side, so that only one
/// layer's keys and values are held at a time.
struct UnetWalk {
  at::Tensor x;  ///< noisy latents `[B, 4, h, w]` at first, the prediction at the end
  /// The noised reference latents `[B, 4, h', w']` at first, or undefined where there is none.
  at::Tensor reference;
  std::vector<at::Tensor> skips, reference_skips;
};

/// The whole network or a part of it.
class Unet : public torch::nn::Module {
 public:
  /// The number of blocks that the network can be cut into, which have equal shares of its weights up to a
  /// layer's.
  static int blocks(const UnetConfig& config);

  explicit Unet(const UnetConfig& config);
  /// Makes the blocks first .. last - 1 alone: the module has the parameters of these only, and may have
  /// none.
  Unet(const UnetConfig& config, int first_block, int last_block);
  ~Unet() override;

  /// The cross attentions' keys and values for text states `[B, T, prompt_width]`. They are the same in all
  /// steps of a run.
  KeyValues prompt(const at::Tensor& states) const;

  /// The embeddings of training timesteps, `[S, 4 widths[0]]` on this part's device; undefined for a part
  /// without the first layer.
  at::Tensor time_embeddings(const std::vector<float>& timesteps) const;
  /// What they mean to this part's blocks. Throws Error{kCancelled}.
  TimeShifts time_shifts(const at::Tensor& embeddings, const UnetPass& pass = {}) const;

  /// Takes the walk through this part at the timestep of row `step` of `shifts`, and moves it to this part's
  /// device first. `prompt` and `shifts` are this part's. Rows of the batch do not see each other. On a GPU
  /// nothing is copied from or to the host. Where workers share the rows of the latents (`pass.shared`), x
  /// has the own ones. Throws Error{kCancelled}.
  void advance(UnetWalk& walk, const KeyValues& prompt, const TimeShifts& shifts, int64_t step,
               const UnetPass& pass = {}) const;

  /// Shared rows of latents begin at multiples of this, so that those of every level begin at multiples of
  /// kTileRows (nn/shared_rows.h).
  static int64_t row_unit(const UnetConfig& config);
  int64_t row_unit() const { return row_unit(config_); }

  /// Has the layers' weights come in while it computes; they were loaded into `weights`.
  void stream(std::shared_ptr<StreamedWeights> weights);

  /// Computes a whole network's prediction for latents `[B, 4, h, w]` at a training timestep.
  at::Tensor forward(const at::Tensor& latents, const at::Tensor& reference, double timestep,
                     const KeyValues& prompt, const UnetPass& pass = {}) const;

 private:
  struct Layer;
  struct LayerPlan;
  static std::vector<LayerPlan> plan(const UnetConfig& config);
  static std::shared_ptr<Layer> make(const LayerPlan& plan, const UnetConfig& config);

  UnetConfig config_;
  std::vector<std::shared_ptr<Layer>> layers_;
  LayerStream stream_;
};

/// Rows `[first, first + count)` of every layer's batch.
KeyValues batch_rows(const KeyValues& all, int64_t first, int64_t count);
/// These rows of every layer's batch, copied.
KeyValues batch_rows(const KeyValues& all, const std::vector<int64_t>& rows);

}  // namespace relievo
