#include "reconstruct/lrm.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "nn/tensors.h"
#include "nn/view_grid.h"
#include "reconstruct/cut_layers.h"

namespace relievo {

LrmConfig published_lrm(const std::string& name) {
  LrmConfig config;
  const bool is_mesh = name.starts_with("instant-mesh-"), is_nerf = name.starts_with("instant-nerf-");
  const bool is_large = name.ends_with("-large"), is_base = name.ends_with("-base");
  if ((!is_mesh && !is_nerf) || (!is_large && !is_base)) {
    const std::vector<std::string> names{"instant-mesh-base", "instant-mesh-large", "instant-nerf-base",
                                         "instant-nerf-large"};
    throw unknown_value("reconstruction model", name, names, ErrorCode::kModelMissing);
  }
  config.kind = is_mesh ? LrmKind::kMesh : LrmKind::kNerf;
  config.transformer.layers = is_large ? 16 : 12;
  config.transformer.channels = is_large ? 80 : 40;
  return config;
}

int Lrm::blocks(const LrmConfig& config) { return blocks_of<TriplaneTransformer>(config); }

Lrm::Lrm(const LrmConfig& config) : Lrm(config, 0, blocks(config), PlanesHeads::kYes) {}

Lrm::Lrm(const LrmConfig& config, int first_block, int last_block, PlanesHeads heads) : config_(config) {
  const int64_t first = first_layer<TriplaneTransformer>(config, first_block),
                last = first_layer<TriplaneTransformer>(config, last_block);
  const int64_t encoder = ImageEncoder::layers(config.encoder);
  if (first < std::min(last, encoder)) {
    encoder_ = register_module(
        "encoder", std::make_shared<ImageEncoder>(config.encoder, first, std::min(last, encoder)));
  }
  if (std::max(first, encoder) < last) {
    transformer_ = register_module(
        "transformer", std::make_shared<TriplaneTransformer>(
                           config.transformer, std::max(first, encoder) - encoder, last - encoder));
  }
  if (heads == PlanesHeads::kNo) return;
  const int64_t channels = config.transformer.channels;
  if (config.kind == LrmKind::kMesh) {
    mesh_heads_ = Group::add_below(*this, "synthesizer.decoder", std::make_shared<MeshHeads>(channels));
  } else {
    density_heads_ = Group::add_below(*this, "synthesizer.decoder", std::make_shared<DensityHeads>(channels));
  }
}

void Lrm::advance(PlanesWalk& walk, const BatchControl& control) const {
  if (!encoder_ && !transformer_) return;
  const at::NoGradGuard no_grad;
  const at::TensorOptions options = encoder_ ? options_of(*encoder_) : options_of(*transformer_);
  walk.bring_to(options);
  if (encoder_) encoder_->advance(walk.encoder, control);
  if (transformer_) {
    const at::Tensor& seen = walk.encoder.tokens;
    const int64_t tokens = seen.size(1), width = seen.size(2);
    at::Tensor condition = seen.reshape({seen.size(0) / walk.views, walk.views * tokens, width});
    const SharedTokens shared{walk.shared, walk.shares_views};
    walk.tokens = transformer_->advance(std::move(walk.tokens), condition, control, {}, shared);
    walk.encoder.tokens = condition.reshape({-1, tokens, width});  // fewer, where pictures have left
  }
}

int64_t Lrm::tokens() const {
  return 3 * config_.transformer.low_resolution * config_.transformer.low_resolution;
}

void Lrm::stream(std::shared_ptr<StreamedWeights> weights) {
  std::vector<std::vector<at::Tensor>> layers;
  if (encoder_) encoder_->add_layers(layers);
  const size_t first = layers.size();
  if (transformer_) transformer_->add_layers(layers);
  weights->set_layers(layers);
  if (encoder_) encoder_->stream({weights});
  if (transformer_) transformer_->stream({weights, first});
}

std::unique_ptr<Field> Lrm::field(const at::Tensor& planes) const {
  if (mesh_heads_) {
    return std::make_unique<TriplaneMeshField>(planes.to(options_of(*mesh_heads_)), mesh_heads_);
  }
  return std::make_unique<TriplaneDensityField>(planes.to(options_of(*density_heads_)), density_heads_);
}

at::Tensor Lrm::encode(const Views& views, const Execution& execution) const {
  const at::NoGradGuard no_grad;
  EncoderWalk walk{views.pixels.to(execution.options()), views.cameras.to(execution.options()), {}};
  encoder_->advance(walk, execution.control.cancel);
  return walk.tokens.reshape({1, -1, walk.tokens.size(-1)});
}

at::Tensor Lrm::planes(const at::Tensor& tokens, const Execution& execution) const {
  const at::NoGradGuard no_grad;
  at::Tensor condition = tokens;
  return transformer_->advance({}, condition, execution.control.cancel)[0];
}

at::Tensor Lrm::learning_planes(const at::Tensor& pictures, const at::Tensor& cameras,
                                const BlockRunner& runner) const {
  const at::Tensor tokens = encoder_->forward_by(runner, pictures, cameras);
  return transformer_->forward_by(runner, tokens.reshape({pictures.size(0), -1, tokens.size(-1)}));
}

std::unique_ptr<Field> Lrm::reconstruct(const Views& views, const Execution& execution) const {
  execution.control.step(0);
  const at::Tensor tokens = encode(views, execution);
  execution.control.step(0.4);
  const at::Tensor result = planes(tokens, execution);
  execution.control.step(1);
  return field(result);
}

Views views_for_reconstruction(const Views& views, int count, int64_t size) {
  const int64_t given = views.pixels.size(0);
  Views chosen{views.pixels, views.cameras};
  if (count == 4 && given == 6) {
    const at::Tensor which = at::tensor({0, 2, 4, 5}, at::kLong);
    chosen = {views.pixels.index_select(0, which), views.cameras.index_select(0, which)};
  } else if (count != given) {
    throw invalid_value("number of views", fmt::format("{}", count), "Use 6 or 4.");
  }
  chosen.pixels = resize_views(chosen.pixels, size, size).clamp(0, 1);
  return chosen;
}

}  // namespace relievo
