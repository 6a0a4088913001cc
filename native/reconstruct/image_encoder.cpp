#include "reconstruct/image_encoder.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "nn/activations.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

// These are the statistics of ImageNet, which DINO was trained with.
constexpr float kMean[] = {0.485f, 0.456f, 0.406f};
constexpr float kStd[] = {0.229f, 0.224f, 0.225f};
constexpr double kEpsilon = 1e-12;
constexpr int64_t kCameraNumbers = 16;

at::Tensor channel_constant(const float (&values)[3], const at::Tensor& like) {
  return at::tensor(at::ArrayRef<float>(values, 3)).to(like.options()).view({1, 3, 1, 1});
}

/// The four vectors of a block's modulation, each `[N, width]`; undefined where there is none.
struct Modulation {
  at::Tensor shift_attention, scale_attention, shift_mlp, scale_mlp;
};

at::Tensor modulated(const at::Tensor& x, const at::Tensor& shift, const at::Tensor& scale) {
  return shift.defined() ? x * (1 + scale.unsqueeze(1)) + shift.unsqueeze(1) : x;
}

}  // namespace

struct ImageEncoder::Block : Group {
  explicit Block(const ImageEncoderConfig& config) : heads(config.heads) {
    const int64_t width = config.width;
    query = add("attention.attention.query", std::make_shared<Linear>(width, width));
    key = add("attention.attention.key", std::make_shared<Linear>(width, width));
    value = add("attention.attention.value", std::make_shared<Linear>(width, width));
    attention_out = add("attention.output.dense", std::make_shared<Linear>(width, width));
    mlp_in = add("intermediate.dense", std::make_shared<Linear>(width, config.mlp_width));
    mlp_out = add("output.dense", std::make_shared<Linear>(config.mlp_width, width));
    norm_before = add("layernorm_before", std::make_shared<LayerNorm>(width, kEpsilon));
    norm_after = add("layernorm_after", std::make_shared<LayerNorm>(width, kEpsilon));
    if (config.knows_cameras) {
      modulation = add("adaLN_modulation.1", std::make_shared<Linear>(width, 4 * width));
    }
  }

  Modulation modulation_of(const at::Tensor& camera) const {
    if (!modulation) return {};
    const auto parts = modulation->forward(apply_silu(camera)).chunk(4, -1);
    return {parts[0], parts[1], parts[2], parts[3]};
  }

  /// x is `[N, T, width]`, camera `[N, width]` or undefined.
  at::Tensor forward(at::Tensor x, const at::Tensor& camera, const std::string& name,
                     const Observer& observer) const {
    const auto see = [&](const char* what, const at::Tensor& seen) {
      if (observer) observer(name + "." + what, seen);
    };
    const Modulation by = modulation_of(camera);
    at::Tensor attended = modulated(norm_before->forward(x), by.shift_attention, by.scale_attention);
    see("ln1", attended);
    at::Tensor attention = multi_head_attention(query->forward(attended), key->forward(attended),
                                                value->forward(attended), heads);
    attended.reset();
    attention = attention_out->forward(attention);
    see("attention", attention);
    x = plus(std::move(x), attention);
    attention.reset();
    at::Tensor hidden = modulated(norm_after->forward(x), by.shift_mlp, by.scale_mlp);
    see("ln2", hidden);
    hidden = apply_gelu(mlp_in->forward(hidden));
    see("gelu", hidden);
    x = plus(std::move(x), mlp_out->forward(hidden));
    observe(observer, name, x);
    return x;
  }

  int64_t heads;
  std::shared_ptr<Linear> query, key, value, attention_out, mlp_in, mlp_out, modulation;
  std::shared_ptr<LayerNorm> norm_before, norm_after;
};

int64_t ImageEncoder::numbers(const ImageEncoderConfig& config, int64_t layer) {
  int64_t count = 0;
  for (const at::Tensor& values : ImageEncoder(config, layer, layer + 1).parameters())
    count += values.numel();
  return count;
}

ImageEncoder::ImageEncoder(const ImageEncoderConfig& config) : ImageEncoder(config, 0, layers(config)) {}

ImageEncoder::ImageEncoder(const ImageEncoderConfig& config, int64_t first, int64_t last)
    : config_(config), first_(first) {
  const int64_t width = config.width, stored = config.image / config.patch;
  for (int64_t layer = first; layer < last; ++layer) {
    if (layer == 0) {
      const auto embeddings = Group::add_below(*this, "model.embeddings", std::make_shared<Group>());
      class_token_ = embeddings->register_parameter("cls_token", placeholder({1, 1, width}), false);
      position_embeddings_ = embeddings->register_parameter(
          "position_embeddings", placeholder({1, 1 + stored * stored, width}), false);
      patches_ = embeddings->add(
          "patch_embeddings.projection",
          std::make_shared<Conv2d>(3, width, config.patch, ConvSettings{.stride = config.patch}));
      if (!config.knows_cameras) continue;
      camera_in_ =
          Group::add_below(*this, "camera_embedder.0", std::make_shared<Linear>(kCameraNumbers, width));
      camera_out_ = Group::add_below(*this, "camera_embedder.2", std::make_shared<Linear>(width, width));
    } else if (layer <= config.layers) {
      blocks_.push_back(Group::add_below(*this, fmt::format("model.encoder.layer.{}", layer - 1),
                                         std::make_shared<Block>(config)));
    } else {
      norm_ = Group::add_below(*this, "model.layernorm", std::make_shared<LayerNorm>(width, kEpsilon));
    }
  }
}

at::Tensor ImageEncoder::position_embedding(int64_t height, int64_t width) const {
  const int64_t rows = height / config_.patch, columns = width / config_.patch;
  const int64_t stored = config_.image / config_.patch;
  // By the published rule, a picture with as many patches keeps the embedding only when it is square.
  if (rows * columns == stored * stored && height == width) return position_embeddings_;
  const at::Tensor grid =
      position_embeddings_.slice(1, 1).view({1, stored, stored, config_.width}).permute({0, 3, 1, 2});
  // By DINO's rule, coordinates are scaled by (n + 0.1) / stored, not n / stored, so sample positions shift
  // slightly.
  const auto scale = [stored](int64_t n) {
    return (static_cast<double>(n) + 0.1) / static_cast<double>(stored);
  };
  const at::Tensor resampled = at::upsample_bicubic2d(grid.to(at::kFloat).contiguous(), {rows, columns},
                                                      /*align_corners=*/false, scale(rows), scale(columns));
  const at::Tensor tokens = resampled.permute({0, 2, 3, 1}).reshape({1, rows * columns, config_.width});
  return at::cat({position_embeddings_.slice(1, 0, 1), tokens.to(position_embeddings_.scalar_type())}, 1);
}

void ImageEncoder::begin(EncoderWalk& walk, const Observer& observer) const {
  const at::Tensor views = std::move(walk.pixels);
  const int64_t height = views.size(-2), width = views.size(-1);
  if (height < config_.patch || width < config_.patch || height % config_.patch || width % config_.patch) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("Views of {} x {} pixels do not divide into patches of {}.", width, height,
                            config_.patch),
                fmt::format("Choose a multiple of {} as the input size.", config_.patch));
  }
  const at::Tensor normalised = (views - channel_constant(kMean, views)) / channel_constant(kStd, views);
  observe(observer, "pixel_values", normalised);
  if (camera_in_) {
    walk.cameras = camera_out_->forward(apply_silu(camera_in_->forward(walk.cameras)));
    observe(observer, "camera_embed", walk.cameras);
  }
  const at::Tensor patch = patches_->on_channels_last(normalised).flatten(2).transpose(1, 2);
  observe(observer, "patch", patch);
  const at::Tensor position = position_embedding(height, width);
  observe(observer, "pos_embed", position);
  walk.tokens = at::cat({class_token_.expand({patch.size(0), 1, config_.width}), patch}, 1).add_(position);
  observe(observer, "embeddings", walk.tokens);
}

void ImageEncoder::advance(EncoderWalk& walk, const BatchControl& control, const Observer& observer) const {
  if (patches_) begin(walk, observer);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    control.between_layers({&walk.tokens, &walk.cameras});
    stream_.need(i);
    const int64_t index = std::max<int64_t>(first_, 1) - 1 + static_cast<int64_t>(i);
    walk.tokens =
        blocks_[i]->forward(std::move(walk.tokens), walk.cameras, fmt::format("layer{}", index), observer);
  }
  if (norm_) walk.tokens = norm_->forward(walk.tokens);
}

at::Tensor ImageEncoder::forward_by(const BlockRunner& runner, const at::Tensor& pixels,
                                    const at::Tensor& cameras) const {
  if (!runner) return forward(pixels, cameras);
  EncoderWalk walk{pixels.flatten(0, 1), cameras.defined() ? cameras.flatten(0, 1) : cameras, {}};
  begin(walk, {});
  for (const auto& block : blocks_) {
    const BlockBody body = [block](const std::vector<at::Tensor>& in) {
      return block->forward(in[0], in.size() > 1 ? in[1] : at::Tensor(), {}, {});
    };
    std::vector<at::Tensor> inputs{walk.tokens};
    if (walk.cameras.defined()) inputs.push_back(walk.cameras);
    walk.tokens = runner(body, inputs);
  }
  return norm_->forward(walk.tokens);
}

void ImageEncoder::add_layers(std::vector<std::vector<at::Tensor>>& layers) const {
  for (const auto& block : blocks_) layers.push_back(block->parameters());
}

at::Tensor ImageEncoder::forward(const at::Tensor& pixels, const at::Tensor& cameras,
                                 const Observer& observer) const {
  EncoderWalk walk{pixels.flatten(0, 1), cameras.defined() ? cameras.flatten(0, 1) : cameras, {}};
  Observer flat;  // sees the cameras' embedding by item and view
  if (observer) {
    flat = [&](const std::string& name, const at::Tensor& value) {
      observer(name, name == "camera_embed" ? value.unflatten(0, pixels.sizes().slice(0, 2)) : value);
    };
  }
  advance(walk, {}, flat);
  return walk.tokens;
}

}  // namespace relievo
