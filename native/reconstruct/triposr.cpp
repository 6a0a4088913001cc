#include "reconstruct/triposr.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "nn/tensors.h"
#include "reconstruct/cut_layers.h"

namespace relievo {

int TripoSr::blocks(const TripoSrConfig& config) { return blocks_of<TripoSrTransformer>(config); }

TripoSr::TripoSr(const TripoSrConfig& config) : TripoSr(config, 0, blocks(config), PlanesHeads::kYes) {}

TripoSr::TripoSr(const TripoSrConfig& config, int first_block, int last_block, PlanesHeads heads)
    : config_(config) {
  const int64_t first = first_layer<TripoSrTransformer>(config, first_block),
                last = first_layer<TripoSrTransformer>(config, last_block);
  const int64_t encoder = ImageEncoder::layers(config.encoder);
  if (first < std::min(last, encoder)) {
    encoder_ = register_module(
        "image_tokenizer", std::make_shared<ImageEncoder>(config.encoder, first, std::min(last, encoder)));
  }
  if (std::max(first, encoder) < last) {
    transformer_ = std::make_unique<TripoSrTransformer>(*this, config.transformer,
                                                        std::max(first, encoder) - encoder, last - encoder);
  }
  if (heads == PlanesHeads::kYes) {
    head_ = register_module("decoder", std::make_shared<DensityHeads>(config.head()));
  }
}

void TripoSr::advance(PlanesWalk& walk, const BatchControl& control) const {
  if (!encoder_ && !transformer_) return;
  const at::NoGradGuard no_grad;
  walk.bring_to(options_of(*this));
  if (encoder_) encoder_->advance(walk.encoder, control);
  if (transformer_) {
    transformer_->advance(walk.tokens, walk.residual, walk.encoder.tokens, control, {}, walk.shared);
  }
}

int64_t TripoSr::tokens() const {
  return 3 * config_.transformer.plane_side * config_.transformer.plane_side;
}

void TripoSr::stream(std::shared_ptr<StreamedWeights> weights) {
  std::vector<std::vector<at::Tensor>> layers;
  if (encoder_) encoder_->add_layers(layers);
  const size_t first = layers.size();
  if (transformer_) transformer_->add_layers(layers);
  weights->set_layers(layers);
  if (encoder_) encoder_->stream({weights});
  if (transformer_) transformer_->stream({weights, first});
}

std::unique_ptr<Field> TripoSr::field(const at::Tensor& planes) const {
  return std::make_unique<TriplaneDensityField>(planes.to(options_of(*head_)), head_);
}

at::Tensor TripoSr::learning_planes(const at::Tensor& pictures, const BlockRunner& runner) const {
  at::Tensor tokens, residual;
  at::Tensor condition = encoder_->forward_by(runner, pictures.unsqueeze(1), {});
  transformer_->advance(tokens, residual, condition, {}, {}, nullptr, runner);
  return tokens;
}

at::Tensor TripoSr::encode(const at::Tensor& picture) const {
  const at::NoGradGuard no_grad;
  return encoder_->forward(picture.unsqueeze(1), {});
}

}  // namespace relievo
