#include "reconstruct/triplane_transformer.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "nn/activations.h"
#include "nn/convolution.h"
#include "nn/tensors.h"

namespace relievo {

struct TriplaneTransformer::Block : Group {
  explicit Block(const TriplaneTransformerConfig& config) : heads(config.heads) {
    constexpr double kEpsilon = 1e-5;
    const int64_t width = config.width;
    norm1 = add("norm1", std::make_shared<LayerNorm>(width, kEpsilon));
    norm2 = add("norm2", std::make_shared<LayerNorm>(width, kEpsilon));
    norm3 = add("norm3", std::make_shared<LayerNorm>(width, kEpsilon));
    const auto cross = add("cross_attn", std::make_shared<Group>());
    query = cross->register_parameter("q_proj_weight", placeholder({width, width}), false);
    key = cross->register_parameter("k_proj_weight", placeholder({width, config.condition_width}), false);
    value = cross->register_parameter("v_proj_weight", placeholder({width, config.condition_width}), false);
    cross_out = cross->add("out_proj", std::make_shared<Linear>(width, width, Bias::kNo));
    const auto self = add("self_attn", std::make_shared<Group>());
    query_key_value = self->register_parameter("in_proj_weight", placeholder({3 * width, width}), false);
    self_out = self->add("out_proj", std::make_shared<Linear>(width, width, Bias::kNo));
    mlp_in = add("mlp.0", std::make_shared<Linear>(width, 4 * width));
    mlp_out = add("mlp.3", std::make_shared<Linear>(4 * width, width));
  }

  at::Tensor cross_attention(const at::Tensor& x, const at::Tensor& condition,
                             const SharedTokens& shared) const {
    const at::Tensor keys = shared.all_of_condition(apply_linear(condition, key)),
                     values = shared.all_of_condition(apply_linear(condition, value));
    return cross_out->forward(multi_head_attention(apply_linear(x, query), keys, values, heads));
  }

  at::Tensor self_attention(const at::Tensor& x, const SharedTokens& shared) const {
    const auto parts = apply_linear(x, query_key_value).chunk(3, -1);
    const at::Tensor keys = shared.all(parts[1]), values = shared.all(parts[2]);
    return self_out->forward(multi_head_attention(parts[0], keys, values, heads));
  }

  at::Tensor forward(at::Tensor x, const at::Tensor& condition, const std::string& name,
                     const Observer& observer, const SharedTokens& shared = {}) const {
    const auto add_branch = [&](const char* branch, const at::Tensor& out) {
      observe(observer, name + "." + branch, out);
      x = plus(std::move(x), out);
    };
    add_branch("cross_attn", cross_attention(norm1->forward(x), condition, shared));
    add_branch("self_attn", self_attention(norm2->forward(x), shared));
    add_branch("mlp", mlp_out->forward(apply_gelu(mlp_in->forward(norm3->forward(x)))));
    observe(observer, name, x);
    return x;
  }

  int64_t heads;
  std::shared_ptr<LayerNorm> norm1, norm2, norm3;
  at::Tensor query, key, value, query_key_value;
  std::shared_ptr<Linear> cross_out, self_out, mlp_in, mlp_out;
};

int64_t TriplaneTransformer::numbers(const TriplaneTransformerConfig& config, int64_t layer) {
  int64_t count = 0;
  for (const at::Tensor& values : TriplaneTransformer(config, layer, layer + 1).parameters()) {
    count += values.numel();
  }
  return count;
}

TriplaneTransformer::TriplaneTransformer(const TriplaneTransformerConfig& config)
    : TriplaneTransformer(config, 0, layers(config)) {}

TriplaneTransformer::TriplaneTransformer(const TriplaneTransformerConfig& config, int64_t first, int64_t last)
    : config_(config), first_(first) {
  for (int64_t layer = first; layer < last; ++layer) {
    if (layer == 0) {
      const int64_t tokens = 3 * config.low_resolution * config.low_resolution;
      tokens_ = register_parameter("pos_embed", placeholder({1, tokens, config.width}), false);
    } else if (layer <= config.layers) {
      blocks_.push_back(
          Group::add_below(*this, fmt::format("layers.{}", layer - 1), std::make_shared<Block>(config)));
    } else {
      norm_ = register_module("norm", std::make_shared<LayerNorm>(config.width, 1e-6));
      deconv_ =
          register_module("deconv", std::make_shared<ConvTranspose2d>(config.width, config.channels, 2, 2));
    }
  }
}

at::Tensor TriplaneTransformer::advance(at::Tensor tokens, at::Tensor& condition, const BatchControl& control,
                                        const Observer& observer, const SharedTokens& shared) const {
  if (tokens_.defined()) {
    const RowRange own = shared.tokens ? shared.tokens->range() : RowRange{0, tokens_.size(1)};
    tokens = tokens_.narrow(1, own.first, own.count()).expand({condition.size(0), -1, -1}).clone();
  }
  for (size_t i = 0; i < blocks_.size(); ++i) {
    control.between_layers({&tokens, &condition});
    stream_.need(i);
    const int64_t index = std::max<int64_t>(first_, 1) - 1 + static_cast<int64_t>(i);
    tokens =
        blocks_[i]->forward(std::move(tokens), condition, fmt::format("layer{}", index), observer, shared);
  }
  return norm_ ? planes_of(shared.all(tokens), observer) : tokens;
}

void TriplaneTransformer::add_layers(std::vector<std::vector<at::Tensor>>& layers) const {
  for (const auto& block : blocks_) layers.push_back(block->parameters());
}

at::Tensor TriplaneTransformer::forward(const at::Tensor& condition, const Observer& observer) const {
  at::Tensor own = condition;
  return advance({}, own, {}, observer);
}

at::Tensor TriplaneTransformer::forward_by(const BlockRunner& runner, const at::Tensor& condition) const {
  if (!runner) return forward(condition);
  at::Tensor tokens = tokens_.expand({condition.size(0), -1, -1});
  for (const auto& block : blocks_) {
    const BlockBody body = [block](const std::vector<at::Tensor>& in) {
      return block->forward(in[0], in[1], {}, {});
    };
    tokens = runner(body, {tokens, condition});
  }
  return planes_of(tokens, {});
}

at::Tensor TriplaneTransformer::planes_of(const at::Tensor& tokens, const Observer& observer) const {
  const int64_t batch = tokens.size(0), side = config_.low_resolution;
  const at::Tensor x = norm_->forward(tokens);
  observe(observer, "norm", x);
  // Tokens are ordered by plane, row and column. The published module upsamples all items' first planes, then
  // all second ones ...
  const at::Tensor maps =
      x.view({batch, 3, side, side, config_.width}).permute({1, 0, 4, 2, 3}).flatten(0, 1);
  const at::Tensor planes = deconv_->forward(maps.contiguous());
  observe(observer, "deconv", planes);
  return planes.unflatten(0, {3, batch}).transpose(0, 1).contiguous();
}

}  // namespace relievo
