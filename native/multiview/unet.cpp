#include "multiview/unet.h"

#include <cmath>
#include <string>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "multiview/resnet.h"

namespace relievo {
namespace {

constexpr double kEpsilon = 1e-5;             // of all norms but
constexpr double kTransformerEpsilon = 1e-6;  // the first of a transformer
constexpr ConvSettings kSame{.padding = 1};

/// Cosines, then sines, of the timestep at `width` / 2 frequencies (Vaswani et al. 2017): [1, width].
at::Tensor sinusoids(double timestep, int64_t width) {
  const int64_t half = width / 2;
  const at::Tensor frequencies =
      (at::arange(half, at::kFloat) * (-std::log(10000.0) / static_cast<double>(half))).exp();
  const at::Tensor angles = frequencies * timestep;
  return at::cat({angles.cos(), angles.sin()}).unsqueeze(0);
}

}  // namespace

/// One forward pass on its way through the network.
class Unet::Call {
 public:
  Call(const UnetPass& pass, size_t layers) : pass_(pass), layers_(layers) {}

  at::Tensor time;  ///< [1, time width], through SiLU

  const KeyValue& prompt() const { return (*pass_.prompt)[layer_]; }
  /// Of the current layer, or null.
  const KeyValue* reference() const { return pass_.reference ? &(*pass_.reference)[layer_] : nullptr; }
  void record(const KeyValue& own) const {
    if (pass_.record) pass_.record->push_back(own);
  }
  /// A write pass that has its last layer; what follows would not be looked at.
  bool is_recorded() const { return pass_.record && pass_.record->size() == layers_; }
  void next_layer() { ++layer_; }
  void check() const { pass_.cancel.check(); }
  void see(const std::string& name, const char* part, const at::Tensor& value) const {
    if (pass_.observer) pass_.observer(name + part, value);
  }

 private:
  const UnetPass& pass_;
  size_t layers_;
  size_t layer_ = 0;
};

struct Unet::Attention : Group {
  Attention(int64_t width, int64_t condition_width, int64_t heads_) : heads(heads_) {
    to_query = add("to_q", std::make_shared<Linear>(width, width, Bias::kNo));
    to_key = add("to_k", std::make_shared<Linear>(condition_width, width, Bias::kNo));
    to_value = add("to_v", std::make_shared<Linear>(condition_width, width, Bias::kNo));
    to_out = add("to_out.0", std::make_shared<Linear>(width, width));
  }

  KeyValue keys_and_values(const at::Tensor& states) const {
    return {to_key->forward(states), to_value->forward(states)};
  }
  at::Tensor forward(const at::Tensor& x, const KeyValue& seen) const {
    return to_out->forward(multi_head_attention(to_query->forward(x), seen.key, seen.value, heads));
  }

  int64_t heads;
  std::shared_ptr<Linear> to_query, to_key, to_value, to_out;
};

struct Unet::TransformerBlock : Group {
  TransformerBlock(int64_t width, int64_t prompt_width, int64_t heads) {
    norm1 = add("norm1", std::make_shared<LayerNorm>(width, kEpsilon));
    norm2 = add("norm2", std::make_shared<LayerNorm>(width, kEpsilon));
    norm3 = add("norm3", std::make_shared<LayerNorm>(width, kEpsilon));
    self = add("attn1", std::make_shared<Attention>(width, width, heads));
    cross = add("attn2", std::make_shared<Attention>(width, prompt_width, heads));
    gate_and_value = add("ff.net.0.proj", std::make_shared<Linear>(width, 8 * width));
    mlp_out = add("ff.net.2", std::make_shared<Linear>(4 * width, width));
  }

  at::Tensor forward(at::Tensor x, const Call& call, const std::string& path) const {
    const at::Tensor own = norm1->forward(x);
    call.see(path, ".attn1.processor", own);
    KeyValue seen = self->keys_and_values(own);
    call.record(seen);
    if (call.is_recorded()) return x;
    if (const KeyValue* reference = call.reference()) {
      seen = {at::cat({seen.key, reference->key}, 1), at::cat({seen.value, reference->value}, 1)};
    }
    at::Tensor branch = self->forward(own, seen);
    call.see(path, ".attn1", branch);
    x = x + branch;
    branch = cross->forward(norm2->forward(x), call.prompt());
    call.see(path, ".attn2", branch);
    x.add_(branch);
    branch = mlp(norm3->forward(x));
    call.see(path, ".ff", branch);
    return x.add_(branch);
  }

  at::Tensor mlp(const at::Tensor& x) const {  // GEGLU, Shazeer 2020
    const auto halves = gate_and_value->forward(x).chunk(2, -1);
    return mlp_out->forward(at::gelu(halves[1]).mul_(halves[0]));
  }

  std::shared_ptr<LayerNorm> norm1, norm2, norm3;
  std::shared_ptr<Attention> self, cross;
  std::shared_ptr<Linear> gate_and_value, mlp_out;
};

struct Unet::Transformer : Group {
  Transformer(std::string path_, int64_t width, int64_t heads, const UnetConfig& config)
      : path(std::move(path_)) {
    norm = add("norm", std::make_shared<GroupNorm>(config.groups, width, kTransformerEpsilon));
    proj_in = add("proj_in", std::make_shared<Linear>(width, width));
    block =
        add("transformer_blocks.0", std::make_shared<TransformerBlock>(width, config.prompt_width, heads));
    proj_out = add("proj_out", std::make_shared<Linear>(width, width));
  }

  at::Tensor forward(const at::Tensor& x, Call& call) const {
    call.check();
    at::Tensor tokens = proj_in->forward(tokens_of(norm->forward(x)));
    tokens = block->forward(tokens, call, path + ".transformer_blocks.0");
    if (call.is_recorded()) return x;
    at::Tensor out = picture_of(proj_out->forward(tokens), x.size(2), x.size(3));
    out.add_(x);
    call.next_layer();
    call.see(path, "", out);
    return out;
  }

  std::string path;
  std::shared_ptr<GroupNorm> norm;
  std::shared_ptr<Linear> proj_in, proj_out;
  std::shared_ptr<TransformerBlock> block;
};

namespace {

std::shared_ptr<ResnetBlock> resnet(int64_t in, int64_t out, const UnetConfig& config) {
  return std::make_shared<ResnetBlock>(in, out, 4 * config.widths[0], config.groups, kEpsilon);
}

}  // namespace

struct Unet::Down : Group {
  Down(std::string path_, int64_t in, size_t level, const UnetConfig& config) : path(std::move(path_)) {
    const int64_t out = config.widths[level];
    for (int64_t i = 0; i < config.layers; ++i) {
      resnets.push_back(add(fmt::format("resnets.{}", i), resnet(i == 0 ? in : out, out, config)));
      if (!config.attends[level]) continue;
      const std::string child = fmt::format("attentions.{}", i);
      attentions.push_back(
          add(child, std::make_shared<Transformer>(path + "." + child, out, config.heads[level], config)));
    }
    if (level + 1 < config.widths.size()) {
      shrink = add("downsamplers.0.conv",
                   std::make_shared<Conv2d>(out, out, 3, ConvSettings{.stride = 2, .padding = 1}));
    }
  }

  at::Tensor forward(at::Tensor x, Call& call, std::vector<at::Tensor>& skips) const {
    for (size_t i = 0; i < resnets.size(); ++i) {
      call.check();
      x = resnets[i]->forward(x, call.time);
      call.see(path, fmt::format(".resnets.{}", i).c_str(), x);
      if (!attentions.empty()) x = attentions[i]->forward(x, call);
      skips.push_back(x);
    }
    if (shrink) {
      x = shrink->forward(x);
      skips.push_back(x);
    }
    call.see(path, "", x);
    return x;
  }

  std::string path;
  std::vector<std::shared_ptr<ResnetBlock>> resnets;
  std::vector<std::shared_ptr<Transformer>> attentions;
  std::shared_ptr<Conv2d> shrink;
};

struct Unet::Middle : Group {
  explicit Middle(const UnetConfig& config) {
    const int64_t width = config.widths.back();
    first = add("resnets.0", resnet(width, width, config));
    attention = add("attentions.0", std::make_shared<Transformer>("mid_block.attentions.0", width,
                                                                  config.heads.back(), config));
    second = add("resnets.1", resnet(width, width, config));
  }

  at::Tensor forward(const at::Tensor& x, Call& call) const {
    const at::Tensor out = second->forward(attention->forward(first->forward(x, call.time), call), call.time);
    call.see("mid_block", "", out);
    return out;
  }

  std::shared_ptr<ResnetBlock> first, second;
  std::shared_ptr<Transformer> attention;
};

struct Unet::Up : Group {
  /// `below`: the width that comes from below; the skips' widths follow from the level.
  Up(std::string path_, int64_t below, size_t level, const UnetConfig& config) : path(std::move(path_)) {
    const int64_t out = config.widths[level], outer = config.widths[level == 0 ? 0 : level - 1];
    for (int64_t i = 0; i <= config.layers; ++i) {
      const int64_t skip = i == config.layers ? outer : out;
      resnets.push_back(
          add(fmt::format("resnets.{}", i), resnet((i == 0 ? below : out) + skip, out, config)));
      if (!config.attends[level]) continue;
      const std::string child = fmt::format("attentions.{}", i);
      attentions.push_back(
          add(child, std::make_shared<Transformer>(path + "." + child, out, config.heads[level], config)));
    }
    if (level > 0) grow = add("upsamplers.0.conv", std::make_shared<Conv2d>(out, out, 3, kSame));
  }

  at::Tensor forward(at::Tensor x, Call& call, std::vector<at::Tensor>& skips) const {
    for (size_t i = 0; i < resnets.size(); ++i) {
      call.check();
      x = at::cat({x, skips.back()}, 1);
      skips.pop_back();
      x = resnets[i]->forward(x, call.time);
      if (!attentions.empty()) x = attentions[i]->forward(x, call);
    }
    // To the size of the next skip, which is not twice this one where an odd size was halved.
    if (grow) x = grow->forward(at::upsample_nearest2d(x, {skips.back().size(2), skips.back().size(3)}));
    call.see(path, "", x);
    return x;
  }

  std::string path;
  std::vector<std::shared_ptr<ResnetBlock>> resnets;
  std::vector<std::shared_ptr<Transformer>> attentions;
  std::shared_ptr<Conv2d> grow;
};

Unet::Unet(const UnetConfig& config) : config_(config) {
  const auto& widths = config.widths;
  const auto collect = [this](const auto& block) {
    transformers_.insert(transformers_.end(), block->attentions.begin(), block->attentions.end());
  };
  conv_in_ = register_module("conv_in", std::make_shared<Conv2d>(config.channels, widths[0], 3, kSame));
  time_in_ =
      Group::add_below(*this, "time_embedding.linear_1", std::make_shared<Linear>(widths[0], 4 * widths[0]));
  time_out_ = Group::add_below(*this, "time_embedding.linear_2",
                               std::make_shared<Linear>(4 * widths[0], 4 * widths[0]));
  for (size_t level = 0; level < widths.size(); ++level) {
    const std::string name = fmt::format("down_blocks.{}", level);
    downs_.push_back(Group::add_below(
        *this, name, std::make_shared<Down>(name, widths[level == 0 ? 0 : level - 1], level, config)));
    collect(downs_.back());
  }
  middle_ = register_module("mid_block", std::make_shared<Middle>(config));
  transformers_.push_back(middle_->attention);
  int64_t below = widths.back();
  for (size_t i = 0; i < widths.size(); ++i) {
    const size_t level = widths.size() - 1 - i;
    const std::string name = fmt::format("up_blocks.{}", i);
    ups_.push_back(Group::add_below(*this, name, std::make_shared<Up>(name, below, level, config)));
    collect(ups_.back());
    below = widths[level];
  }
  norm_ = register_module("conv_norm_out", std::make_shared<GroupNorm>(config.groups, widths[0], kEpsilon));
  conv_out_ = register_module("conv_out", std::make_shared<Conv2d>(widths[0], config.channels, 3, kSame));
}

Unet::~Unet() = default;

KeyValues Unet::prompt(const at::Tensor& states) const {
  KeyValues all;
  for (const auto& transformer : transformers_) {
    all.push_back(transformer->block->cross->keys_and_values(states));
  }
  return all;
}

at::Tensor Unet::forward(const at::Tensor& latents, double timestep, const UnetPass& pass) const {
  if (pass.record) pass.record->clear();
  Call call(pass, transformers_.size());
  const at::Tensor time = time_out_->forward(
      at::silu(time_in_->forward(sinusoids(timestep, config_.widths[0]).to(latents.options()))));
  call.see("time_embedding", "", time.expand({latents.size(0), -1}));
  call.time = at::silu(time);
  at::Tensor x = conv_in_->forward(latents.contiguous(at::MemoryFormat::ChannelsLast));
  call.see("conv_in", "", x);
  std::vector<at::Tensor> skips{x};
  for (const auto& down : downs_) x = down->forward(std::move(x), call, skips);
  x = middle_->forward(x, call);
  for (const auto& up : ups_) x = up->forward(std::move(x), call, skips);
  if (pass.record) return {};
  return conv_out_->forward(norm_->silu(x));
}

KeyValues batch_rows(const KeyValues& all, int64_t first, int64_t count) {
  KeyValues rows;
  for (const KeyValue& layer : all) {
    rows.push_back({layer.key.narrow(0, first, count), layer.value.narrow(0, first, count)});
  }
  return rows;
}

}  // namespace relievo
