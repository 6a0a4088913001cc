#include "multiview/unet.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "multiview/resnet.h"
#include "nn/blocks.h"
#include "nn/bring.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

constexpr double kEpsilon = 1e-5;
constexpr ConvSettings kSame{.padding = 1};
constexpr int kMostBlocks = 25;

/// Cosines, then sines, of the timestep at `width` / 2 frequencies (Vaswani et al. 2017): [1, width].
at::Tensor sinusoids(double timestep, int64_t width) {
  const int64_t half = width / 2;
  const at::Tensor frequencies =
      (at::arange(half, at::kFloat) * (-std::log(10000.0) / static_cast<double>(half))).exp();
  const at::Tensor angles = frequencies * timestep;
  return at::cat({angles.cos(), angles.sin()}).unsqueeze(0);
}

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

}  // namespace

/// The description of one layer, from which it is made.
struct Unet::LayerPlan {
  enum class Kind { kIn, kResnet, kTransformer, kDownsample, kUpsample, kOut };

  Kind kind = Kind::kIn;
  std::string name = {};  // name of its module
  int64_t in = 0, out = 0;
  // Attention heads of a transformer.
  int64_t heads = 0;
  // The layer takes a skip connection besides the result of the layer before it.
  bool takes_skip = false;
  // Its result becomes a skip connection.
  bool leaves_skip = false;
  // It is the last transformer.
  bool is_last = false;
  // The name of the published block that ends with this layer; empty where none does.
  std::string ends = {};
};

struct Unet::Layer {
  LayerPlan plan;
  std::vector<std::pair<std::string, std::shared_ptr<torch::nn::Module>>> modules;
  std::shared_ptr<Linear> time_in, time_out;
  // All kinds have a convolution except kResnet and kTransformer.
  std::shared_ptr<Conv2d> conv;
  std::shared_ptr<GroupNorm> norm;
  std::shared_ptr<ResnetBlock> resnet;
  std::shared_ptr<UnetTransformer> transformer;

  template <typename Module>
  std::shared_ptr<Module> add(const std::string& name, std::shared_ptr<Module> module) {
    modules.emplace_back(name, module);
    return module;
  }

  int64_t numbers() const {
    int64_t count = 0;
    for (const auto& [name, module] : modules) {
      for (const at::Tensor& values : module->parameters()) count += values.numel();
    }
    return count;
  }

  /// Applies a layer that treats the noisy latents and the reference alike.
  at::Tensor forward(at::Tensor x, const at::Tensor& time, std::vector<at::Tensor>& skips) const {
    switch (plan.kind) {
      case LayerPlan::Kind::kIn:
        return conv->forward(channels_last(x));
      case LayerPlan::Kind::kResnet:
        if (plan.takes_skip) {
          x = at::cat({x, bring(skips.back(), x.device())}, 1);
          skips.pop_back();
        }
        return resnet->forward(x, time);
      case LayerPlan::Kind::kTransformer:
        return x;
      case LayerPlan::Kind::kDownsample:
        return conv->forward(x);
      case LayerPlan::Kind::kUpsample:
        // The result has the size of the next skip, which is not twice this one where an odd size was halved.
        return conv->forward(at::upsample_nearest2d(x, skips.back().sizes().slice(2)));
      case LayerPlan::Kind::kOut:
        return conv->forward(norm->silu(x));
    }
    return x;
  }
};

std::vector<Unet::LayerPlan> Unet::plan(const UnetConfig& config) {
  using Kind = LayerPlan::Kind;
  const auto& widths = config.widths;
  std::vector<LayerPlan> layers;
  const auto pair = [&](const std::string& block, int64_t i, int64_t in, size_t level) -> LayerPlan& {
    const int64_t out = widths[level];
    layers.push_back(
        {.kind = Kind::kResnet, .name = fmt::format("{}.resnets.{}", block, i), .in = in, .out = out});
    LayerPlan& resnet = layers.back();
    if (!config.attends[level]) return resnet;
    layers.push_back({.kind = Kind::kTransformer,
                      .name = fmt::format("{}.attentions.{}", block, i),
                      .in = out,
                      .out = out,
                      .heads = config.heads[level]});
    return layers[layers.size() - 2];
  };
  layers.push_back({.name = "conv_in", .in = config.channels, .out = widths[0], .leaves_skip = true});
  for (size_t level = 0; level < widths.size(); ++level) {
    const std::string block = fmt::format("down_blocks.{}", level);
    const int64_t out = widths[level];
    for (int64_t i = 0; i < config.layers; ++i) {
      pair(block, i, i == 0 ? widths[level == 0 ? 0 : level - 1] : out, level);
      layers.back().leaves_skip = true;
    }
    if (level + 1 < widths.size()) {
      layers.push_back({.kind = Kind::kDownsample,
                        .name = block + ".downsamplers.0.conv",
                        .in = out,
                        .out = out,
                        .leaves_skip = true});
    }
    layers.back().ends = block;
  }
  const int64_t middle = widths.back();
  layers.push_back({.kind = Kind::kResnet, .name = "mid_block.resnets.0", .in = middle, .out = middle});
  layers.push_back({.kind = Kind::kTransformer,
                    .name = "mid_block.attentions.0",
                    .in = middle,
                    .out = middle,
                    .heads = config.heads.back()});
  layers.push_back({.kind = Kind::kResnet, .name = "mid_block.resnets.1", .in = middle, .out = middle});
  layers.back().ends = "mid_block";
  int64_t below = middle;
  for (size_t i = 0; i < widths.size(); ++i) {
    const size_t level = widths.size() - 1 - i;
    const std::string block = fmt::format("up_blocks.{}", i);
    const int64_t out = widths[level], outer = widths[level == 0 ? 0 : level - 1];
    for (int64_t k = 0; k <= config.layers; ++k) {
      const int64_t skip = k == config.layers ? outer : out;
      pair(block, k, (k == 0 ? below : out) + skip, level).takes_skip = true;
    }
    if (level > 0) {
      layers.push_back(
          {.kind = Kind::kUpsample, .name = block + ".upsamplers.0.conv", .in = out, .out = out});
    }
    layers.back().ends = block;
    below = out;
  }
  const auto last = std::find_if(layers.rbegin(), layers.rend(),
                                 [](const LayerPlan& layer) { return layer.kind == Kind::kTransformer; });
  if (last != layers.rend()) last->is_last = true;
  layers.push_back({.kind = Kind::kOut, .name = "conv_out", .in = widths[0], .out = config.channels});
  return layers;
}

std::shared_ptr<Unet::Layer> Unet::make(const LayerPlan& plan, const UnetConfig& config) {
  using Kind = LayerPlan::Kind;
  auto layer = std::make_shared<Layer>();
  layer->plan = plan;
  const int64_t time_width = 4 * config.widths[0];
  switch (plan.kind) {
    case Kind::kIn:
      layer->time_in =
          layer->add("time_embedding.linear_1", std::make_shared<Linear>(config.widths[0], time_width));
      layer->time_out =
          layer->add("time_embedding.linear_2", std::make_shared<Linear>(time_width, time_width));
      layer->conv = layer->add(plan.name, std::make_shared<Conv2d>(plan.in, plan.out, 3, kSame));
      break;
    case Kind::kResnet:
      layer->resnet = layer->add(
          plan.name, std::make_shared<ResnetBlock>(plan.in, plan.out, time_width, config.groups, kEpsilon));
      break;
    case Kind::kTransformer:
      layer->transformer = layer->add(
          plan.name,
          std::make_shared<UnetTransformer>(plan.out, plan.heads, config.prompt_width, config.groups));
      break;
    case Kind::kDownsample:
      layer->conv = layer->add(
          plan.name, std::make_shared<Conv2d>(plan.in, plan.out, 3, ConvSettings{.stride = 2, .padding = 1}));
      break;
    case Kind::kUpsample:
      layer->conv = layer->add(plan.name, std::make_shared<Conv2d>(plan.in, plan.out, 3, kSame));
      break;
    case Kind::kOut:
      layer->norm =
          layer->add("conv_norm_out", std::make_shared<GroupNorm>(config.groups, plan.in, kEpsilon));
      layer->conv = layer->add(plan.name, std::make_shared<Conv2d>(plan.in, plan.out, 3, kSame));
      break;
  }
  return layer;
}

int Unet::blocks(const UnetConfig& config) {
  return std::min(kMostBlocks, static_cast<int>(plan(config).size()));
}

Unet::Unet(const UnetConfig& config) : Unet(config, 0, blocks(config)) {}

Unet::Unet(const UnetConfig& config, int first_block, int last_block) : config_(config) {
  std::vector<std::shared_ptr<Layer>> all;
  std::vector<int64_t> numbers;
  for (const LayerPlan& layer : plan(config)) {
    all.push_back(make(layer, config));
    numbers.push_back(all.back()->numbers());
  }
  const size_t first = first_layer_of_block(numbers, blocks(config), first_block);
  const size_t last = first_layer_of_block(numbers, blocks(config), last_block);
  for (size_t i = first; i < last; ++i) {
    layers_.push_back(all[i]);
    for (const auto& [name, module] : all[i]->modules) Group::add_below(*this, name, module);
  }
}

Unet::~Unet() = default;

KeyValues Unet::prompt(const at::Tensor& states) const {
  KeyValues all;
  for (const auto& layer : layers_) {
    if (layer->transformer) all.push_back(layer->transformer->prompt(states));
  }
  return all;
}

void Unet::advance(UnetWalk& walk, const KeyValues& prompt, const UnetPass& pass) const {
  if (layers_.empty()) return;
  const at::TensorOptions options = options_of(*this);
  walk.x = bring(walk.x, options);
  walk.reference = bring(walk.reference, options);
  walk.time = bring(walk.time, options);
  size_t transformers = 0;
  for (const auto& layer : layers_) {
    const LayerPlan& plan = layer->plan;
    pass.check();
    if (plan.kind == LayerPlan::Kind::kIn) {
      const at::Tensor waves = sinusoids(walk.timestep, config_.widths[0]).to(options);
      const at::Tensor time = layer->time_out->forward(at::silu(layer->time_in->forward(waves)));
      observe(pass.observer, "time_embedding", time.expand({walk.x.size(0), -1}));
      walk.time = at::silu(time);
    }
    if (plan.kind == LayerPlan::Kind::kTransformer) {
      layer->transformer->forward(walk.x, walk.reference, plan.is_last, prompt.at(transformers++), plan.name,
                                  pass);
      if (plan.is_last) walk.reference_skips.clear();
    } else {
      if (walk.reference.defined()) {
        walk.reference = layer->forward(std::move(walk.reference), walk.time, walk.reference_skips);
      }
      walk.x = layer->forward(std::move(walk.x), walk.time, walk.skips);
      if (plan.kind != LayerPlan::Kind::kOut) observe(pass.observer, plan.name, walk.x);
    }
    if (plan.leaves_skip) {
      walk.skips.push_back(walk.x);
      if (walk.reference.defined()) walk.reference_skips.push_back(walk.reference);
    }
    if (!plan.ends.empty()) observe(pass.observer, plan.ends, walk.x);
  }
}

at::Tensor Unet::forward(const at::Tensor& latents, const at::Tensor& reference, double timestep,
                         const KeyValues& prompt, const UnetPass& pass) const {
  UnetWalk walk;
  walk.timestep = timestep;
  walk.x = latents;
  walk.reference = reference;
  advance(walk, prompt, pass);
  return walk.x;
}

KeyValues batch_rows(const KeyValues& all, int64_t first, int64_t count) {
  KeyValues rows;
  for (const KeyValue& layer : all) {
    rows.push_back({layer.key.narrow(0, first, count), layer.value.narrow(0, first, count)});
  }
  return rows;
}

KeyValues batch_rows(const KeyValues& all, const std::vector<int64_t>& rows) {
  KeyValues picked;
  for (const KeyValue& layer : all) {
    const at::Tensor index = at::tensor(rows, at::kLong).to(layer.key.device());
    picked.push_back({layer.key.index_select(0, index), layer.value.index_select(0, index)});
  }
  return picked;
}

}  // namespace relievo
