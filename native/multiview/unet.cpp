#include "multiview/unet.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "multiview/resnet.h"
#include "nn/activations.h"
#include "nn/blocks.h"
#include "nn/bring.h"
#include "nn/launch.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

constexpr double kEpsilon = 1e-5;
constexpr ConvSettings kSame{.padding = 1};
constexpr int kMostBlocks = 25;

/// Cosines, then sines, of the timesteps at `width` / 2 frequencies (Vaswani et al. 2017): [S, width] on the
/// CPU.
at::Tensor sinusoids(const std::vector<float>& timesteps, int64_t width) {
  const int64_t half = width / 2;
  const at::Tensor frequencies =
      (at::arange(half, at::kFloat) * (-std::log(10000.0) / static_cast<double>(half))).exp();
  const at::Tensor angles = frequencies * at::tensor(timesteps, at::kFloat).unsqueeze(1);
  return at::cat({angles.cos(), angles.sin()}, 1);
}

/// On the CPU row by row, so that a step's numbers do not depend on the number of steps.
at::Tensor by_rows(const Linear& layer, const at::Tensor& x) {
  if (!x.is_cpu()) return layer.forward(x);
  std::vector<at::Tensor> rows;
  for (const at::Tensor& row : x.split(1)) rows.push_back(layer.forward(row));
  return at::cat(rows);
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

  /// Applies a layer that treats the noisy latents and the reference alike; `skips` are each one's. Workers
  /// may share the rows of the first.
  void forward(FeatureMaps& maps, const at::Tensor& shift,
               const std::array<std::vector<at::Tensor>*, 2>& skips, const SharedRows* shared) const {
    if (!shared && has_gpu_kernels(maps.front().x)) return forward_on_gpu(maps, shift, skips);
    for (size_t i = maps.size(); i-- > 0;) {
      maps[i].x = forward(std::move(maps[i].x), shift, *skips[i], i == 0 ? shared : nullptr);
    }
  }

 private:
  void forward_on_gpu(FeatureMaps& maps, const at::Tensor& shift,
                      const std::array<std::vector<at::Tensor>*, 2>& skips) const {
    if (plan.kind == LayerPlan::Kind::kResnet) {
      at::Tensor joined;
      if (plan.takes_skip) {
        std::vector<at::Tensor> taken;
        for (size_t i = 0; i < maps.size(); ++i) {
          taken.push_back(channels_last(bring(skips[i]->back(), maps[i].x.device())));
          skips[i]->pop_back();
        }
        joined = join(maps, taken);
      }
      return resnet->forward(maps, shift, joined);
    }
    const bool is_out = plan.kind == LayerPlan::Kind::kOut;
    const std::vector<at::Tensor> normed = is_out ? silu_norm(*norm, maps) : std::vector<at::Tensor>();
    for (size_t i = 0; i < maps.size(); ++i) {
      at::Tensor x = is_out ? normed[i] : maps[i].x;
      if (plan.kind == LayerPlan::Kind::kUpsample) {
        x = at::upsample_nearest2d(x, skips[i]->back().sizes().slice(2));
      }
      maps[i] = {conv->on_channels_last(x)};
    }
  }

  at::Tensor forward(at::Tensor x, const at::Tensor& shift, std::vector<at::Tensor>& skips,
                     const SharedRows* shared) const {
    switch (plan.kind) {
      case LayerPlan::Kind::kIn:
        return conv->on_rows(channels_last(x), shared);
      case LayerPlan::Kind::kResnet:
        if (plan.takes_skip) {
          x = at::cat({x, bring(skips.back(), x.device())}, 1);
          skips.pop_back();
        }
        return resnet->forward(x, shift, shared);
      case LayerPlan::Kind::kTransformer:
        return x;
      case LayerPlan::Kind::kDownsample:
        return conv->on_rows(x, shared);
      case LayerPlan::Kind::kUpsample:
        // The result has the size of the next skip, which is not twice this one where an odd size was halved.
        return conv->on_rows(at::upsample_nearest2d(x, skips.back().sizes().slice(2)), shared);
      case LayerPlan::Kind::kOut:
        return conv->on_rows(norm->silu(x, shared), shared);
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

int64_t Unet::row_unit(const UnetConfig& config) { return kTileRows << (config.widths.size() - 1); }

void Unet::stream(std::shared_ptr<StreamedWeights> weights) {
  std::vector<std::vector<at::Tensor>> layers;
  for (const auto& layer : layers_) {
    std::vector<at::Tensor>& parameters = layers.emplace_back();
    for (const auto& [name, module] : layer->modules) {
      for (const at::Tensor& values : module->parameters()) parameters.push_back(values);
    }
  }
  weights->set_layers(layers);
  stream_ = {std::move(weights)};
}

KeyValues Unet::prompt(const at::Tensor& states) const {
  KeyValues all;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (!layers_[i]->transformer) continue;
    stream_.need(i);
    all.push_back(layers_[i]->transformer->prompt(states));
  }
  return all;
}

at::Tensor Unet::time_embeddings(const std::vector<float>& timesteps) const {
  if (layers_.empty() || !layers_.front()->time_in) return {};
  const Layer& layer = *layers_.front();
  stream_.need(0);
  const at::Tensor waves = sinusoids(timesteps, config_.widths[0]).to(options_of(*this));
  return by_rows(*layer.time_out, apply_silu(by_rows(*layer.time_in, waves)));
}

TimeShifts Unet::time_shifts(const at::Tensor& embeddings, const UnetPass& pass) const {
  TimeShifts shifts;
  if (layers_.empty()) return shifts;
  const at::Tensor time = apply_silu(bring(embeddings, options_of(*this)));
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (!layers_[i]->resnet) continue;
    pass.check();
    stream_.need(i);
    shifts.push_back(by_rows(*layers_[i]->resnet->time_projection, time));
  }
  return shifts;
}

void Unet::advance(UnetWalk& walk, const KeyValues& prompt, const TimeShifts& shifts, int64_t step,
                   const UnetPass& pass) const {
  if (layers_.empty()) return;
  const at::TensorOptions options = options_of(*this);
  FeatureMaps maps{{bring(walk.x, options)}};
  if (walk.reference.defined()) maps.push_back({bring(walk.reference, options)});
  walk.x.reset();
  walk.reference.reset();
  const std::array skips{&walk.skips, &walk.reference_skips};
  size_t transformers = 0, resnets = 0;
  for (size_t at = 0; at < layers_.size(); ++at) {
    const auto& layer = layers_[at];
    const LayerPlan& plan = layer->plan;
    pass.check();
    stream_.need(at);
    if (plan.kind == LayerPlan::Kind::kTransformer) {
      layer->transformer->forward(maps, plan.is_last, prompt.at(transformers++), plan.name, pass);
      if (plan.is_last) walk.reference_skips.clear();
    } else {
      layer->forward(maps, layer->resnet ? shifts.at(resnets++).narrow(0, step, 1) : at::Tensor(), skips,
                     pass.shared);
      if (plan.kind != LayerPlan::Kind::kOut) observe(pass.observer, plan.name, maps.front().x);
    }
    if (plan.leaves_skip) {
      for (size_t i = 0; i < maps.size(); ++i) skips[i]->push_back(maps[i].x);
    }
    if (!plan.ends.empty()) observe(pass.observer, plan.ends, maps.front().x);
  }
  walk.x = maps.front().x;
  if (maps.size() > 1) walk.reference = maps.back().x;
}

at::Tensor Unet::forward(const at::Tensor& latents, const at::Tensor& reference, double timestep,
                         const KeyValues& prompt, const UnetPass& pass) const {
  const at::Tensor embedding = time_embeddings({static_cast<float>(timestep)});
  observe(pass.observer, "time_embedding", embedding.expand({latents.size(0), -1}));
  UnetWalk walk;
  walk.x = latents;
  walk.reference = reference;
  advance(walk, prompt, time_shifts(embedding), 0, pass);
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
