#include "reconstruct/triposr_transformer.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "nn/tensors.h"

namespace relievo {

at::Tensor planes_of_tokens(const at::Tensor& tokens) {
  const int64_t side = std::llround(std::sqrt(static_cast<double>(tokens.size(1)) / 3));
  return tokens.unflatten(1, {3, side, side}).permute({0, 1, 4, 2, 3});
}

at::Tensor third_plane_turned(const at::Tensor& planes) {
  return at::cat({planes.slice(-4, 0, 2), planes.slice(-4, 2).transpose(-1, -2)}, -4);
}

int64_t TripoSrTransformer::numbers(const TripoSrTransformerConfig& config, int64_t layer) {
  Group parent;
  const TripoSrTransformer part(parent, config, layer, layer + 1);
  int64_t count = 0;
  for (const at::Tensor& values : parent.parameters()) count += values.numel();
  return count;
}

TripoSrTransformer::TripoSrTransformer(torch::nn::Module& parent, const TripoSrTransformerConfig& config,
                                       int64_t first, int64_t last)
    : first_(first) {
  constexpr double kGroupEpsilon = 1e-6;
  const int64_t channels = config.channels, width = config.width();
  for (int64_t layer = first; layer < last; ++layer) {
    if (layer == 0) {
      learnt_ =
          Group::add_below(parent, "tokenizer", std::make_shared<Group>())
              ->register_parameter("embeddings",
                                   placeholder({3, channels, config.plane_side, config.plane_side}), false);
      norm_ = Group::add_below(parent, "backbone.norm",
                               std::make_shared<GroupNorm>(config.groups, channels, kGroupEpsilon));
      proj_in_ = Group::add_below(parent, "backbone.proj_in", std::make_shared<Linear>(channels, width));
    } else if (layer <= config.layers) {
      blocks_.push_back(
          Group::add_below(parent, fmt::format("backbone.transformer_blocks.{}", layer - 1),
                           std::make_shared<TransformerBlock>(width, config.condition_width, config.heads)));
    } else if (layer == config.layers + 1) {
      proj_out_ = Group::add_below(parent, "backbone.proj_out", std::make_shared<Linear>(width, channels));
    } else {
      upsample_ = Group::add_below(parent, "post_processor.upsample",
                                   std::make_shared<ConvTranspose2d>(channels, config.plane_channels, 2, 2));
    }
  }
}

void TripoSrTransformer::advance(at::Tensor& tokens, at::Tensor& residual, at::Tensor& condition,
                                 const BatchControl& control, const Observer& observer,
                                 const SharedRows* shared, const BlockRunner& runner) const {
  if (learnt_.defined()) {
    // The planes are stacked into one picture, whose groups of channels are normalised over all of it.
    const at::Tensor maps = learnt_.permute({0, 2, 3, 1}).flatten(0, 1).unsqueeze(0).contiguous();
    residual = maps.flatten(1, 2).expand({condition.size(0), -1, -1});
    observe(observer, "tokens", residual);
    const at::Tensor normed = norm_->forward(maps.permute({0, 3, 1, 2})).permute({0, 2, 3, 1}).flatten(1, 2);
    observe(observer, "norm", normed.expand(residual.sizes()));
    tokens = proj_in_->forward(normed).expand({condition.size(0), -1, -1});
    if (shared) {
      const RowRange& own = shared->range();
      tokens = tokens.narrow(1, own.first, own.count());
      residual = residual.narrow(1, own.first, own.count());
    }
    tokens = tokens.clone();
    observe(observer, "proj_in", tokens);
  }
  for (size_t i = 0; i < blocks_.size(); ++i) {
    if (runner) {
      const BlockBody body = [block = blocks_[i]](const std::vector<at::Tensor>& in) {
        return block->forward(in[0], in[1], [] {}, {}, {});
      };
      tokens = runner(body, {tokens, condition});
      continue;
    }
    const int64_t index = std::max<int64_t>(first_, 1) - 1 + static_cast<int64_t>(i);
    control.between_layers({&tokens, &residual, &condition});
    stream_.need(i);
    tokens = blocks_[i]->forward(
        std::move(tokens), condition, [&] { control.check(); }, fmt::format("layer{}", index), observer,
        shared);
  }
  if (proj_out_) {
    tokens = proj_out_->forward(tokens);
    observe(observer, "proj_out", tokens);
    tokens = plus(std::move(tokens), residual);
    residual.reset();
    observe(observer, "out", tokens);
  }
  if (upsample_) {
    if (shared) tokens = shared->joined(tokens, 1);
    const at::Tensor maps = planes_of_tokens(tokens);
    const at::Tensor planes = upsample_->forward(maps.flatten(0, 1).contiguous());
    tokens = third_plane_turned(planes.unflatten(0, {-1, 3})).contiguous();
  }
}

void TripoSrTransformer::add_layers(std::vector<std::vector<at::Tensor>>& layers) const {
  for (const auto& block : blocks_) layers.push_back(block->parameters());
}

}  // namespace relievo
