#include "multiview/clip.h"

#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "nn/activations.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

constexpr double kEpsilon = 1e-5;

}  // namespace

/// A transformer block that normalises before each branch.
struct ClipLayer : Group {
  ClipLayer(int64_t width, int64_t mlp_width, int64_t heads_) : heads(heads_) {
    key = add("self_attn.k_proj", std::make_shared<Linear>(width, width));
    value = add("self_attn.v_proj", std::make_shared<Linear>(width, width));
    query = add("self_attn.q_proj", std::make_shared<Linear>(width, width));
    out = add("self_attn.out_proj", std::make_shared<Linear>(width, width));
    norm1 = add("layer_norm1", std::make_shared<LayerNorm>(width, kEpsilon));
    mlp_in = add("mlp.fc1", std::make_shared<Linear>(width, mlp_width));
    mlp_out = add("mlp.fc2", std::make_shared<Linear>(mlp_width, width));
    norm2 = add("layer_norm2", std::make_shared<LayerNorm>(width, kEpsilon));
  }

  // x is [B, T, width], as is the result.
  at::Tensor forward(const at::Tensor& x, Causal causal) const {
    const at::Tensor normed = norm1->forward(x);
    const at::Tensor attention = multi_head_attention(query->forward(normed), key->forward(normed),
                                                      value->forward(normed), heads, causal);
    const at::Tensor middle = x + out->forward(attention);
    return middle + mlp_out->forward(apply_gelu(mlp_in->forward(norm2->forward(middle))));
  }

  int64_t heads;
  std::shared_ptr<Linear> query, key, value, out, mlp_in, mlp_out;
  std::shared_ptr<LayerNorm> norm1, norm2;
};

ClipText::ClipText(const ClipTextConfig& config) : config_(config) {
  const auto model = register_module("text_model", std::make_shared<Group>());
  tokens_ = model->add("embeddings.token_embedding", std::make_shared<Group>())
                ->register_parameter("weight", placeholder({config.vocabulary, config.width}), false);
  positions_ = model->add("embeddings.position_embedding", std::make_shared<Group>())
                   ->register_parameter("weight", placeholder({config.positions, config.width}), false);
  for (int64_t i = 0; i < config.layers; ++i) {
    layers_.push_back(model->add(fmt::format("encoder.layers.{}", i),
                                 std::make_shared<ClipLayer>(config.width, config.mlp_width, config.heads)));
  }
  final_norm_ = model->add("final_layer_norm", std::make_shared<LayerNorm>(config.width, kEpsilon));
}

at::Tensor ClipText::forward(const at::Tensor& ids, const Observer& observer) const {
  at::Tensor x = at::embedding(tokens_, ids) + positions_.slice(0, 0, ids.size(1));
  observe(observer, "hidden0", x);
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i]->forward(x, Causal::kYes);
    observe(observer, fmt::format("hidden{}", i + 1), x);
  }
  return final_norm_->forward(x);
}

at::Tensor ClipText::empty_prompt() const {
  at::Tensor ids = at::zeros({1, config_.positions}, at::kLong);
  ids[0][0] = config_.vocabulary - 2;
  ids[0][1] = config_.vocabulary - 1;
  return forward(ids.to(tokens_.device()));
}

ClipVision::ClipVision(const ClipVisionConfig& config) : config_(config) {
  const int64_t side = config.image / config.patch, width = config.width;
  const auto model = register_module("vision_model", std::make_shared<Group>());
  const auto embeddings = model->add("embeddings", std::make_shared<Group>());
  class_token_ = embeddings->register_parameter("class_embedding", placeholder({width}), false);
  patches_ = embeddings->add(
      "patch_embedding",
      std::make_shared<Conv2d>(3, width, config.patch, ConvSettings{.stride = config.patch}, Bias::kNo));
  positions_ = embeddings->add("position_embedding", std::make_shared<Group>())
                   ->register_parameter("weight", placeholder({1 + side * side, width}), false);
  first_norm_ = model->add("pre_layrnorm",
                           std::make_shared<LayerNorm>(width, kEpsilon));  // published with this spelling
  for (int64_t i = 0; i < config.layers; ++i) {
    layers_.push_back(model->add(fmt::format("encoder.layers.{}", i),
                                 std::make_shared<ClipLayer>(width, config.mlp_width, config.heads)));
  }
  last_norm_ = model->add("post_layernorm", std::make_shared<LayerNorm>(width, kEpsilon));
  projection_ =
      register_module("visual_projection", std::make_shared<Linear>(width, config.projection, Bias::kNo));
}

void ClipVision::stream(std::shared_ptr<StreamedWeights> weights) {
  std::vector<std::vector<at::Tensor>> layers;
  for (const auto& layer : layers_) layers.push_back(layer->parameters());
  weights->set_layers(layers);
  stream_ = {std::move(weights)};
}

at::Tensor ClipVision::forward(const at::Tensor& pixels, const Observer& observer,
                               const BatchControl& control) const {
  const at::Tensor patches = patches_->on_channels_last(pixels).flatten(2).transpose(1, 2);
  at::Tensor x = at::cat({class_token_.expand({pixels.size(0), 1, config_.width}), patches}, 1) + positions_;
  x = first_norm_->forward(x);
  observe(observer, "hidden0", x);
  for (size_t i = 0; i < layers_.size(); ++i) {
    control.between_layers({&x});
    stream_.need(i);
    x = layers_[i]->forward(x, Causal::kNo);
    observe(observer, fmt::format("hidden{}", i + 1), x);
  }
  observe(observer, "last_hidden_state", x);
  return projection_->forward(last_norm_->forward(x.select(1, 0)));
}

}  // namespace relievo
