#include "multiview/vae.h"

#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "multiview/resnet.h"
#include "multiview/strips.h"
#include "nn/convolution.h"

namespace relievo {
namespace {

constexpr double kEpsilon = 1e-6;
constexpr ConvSettings kSame{.padding = 1};

std::shared_ptr<ResnetBlock> resnet(int64_t in, int64_t out, const VaeConfig& config) {
  return std::make_shared<ResnetBlock>(in, out, 0, config.groups, kEpsilon);
}

at::Tensor channels_last(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

}  // namespace

/// Two residual blocks with attention of one head over all pixels between them.
struct Vae::Middle : Group {
  Middle(int64_t width, const VaeConfig& config) {
    first = add("resnets.0", resnet(width, width, config));
    second = add("resnets.1", resnet(width, width, config));
    norm = add("attentions.0.group_norm", std::make_shared<GroupNorm>(config.groups, width, kEpsilon));
    query = add("attentions.0.to_q", std::make_shared<Linear>(width, width));
    key = add("attentions.0.to_k", std::make_shared<Linear>(width, width));
    value = add("attentions.0.to_v", std::make_shared<Linear>(width, width));
    out = add("attentions.0.to_out.0", std::make_shared<Linear>(width, width));
  }

  at::Tensor forward(at::Tensor x, const Strips& strips) const {
    strips.cancel.between_layers({&x});
    x = forward_in_strips(*first, x, strips);
    const at::Tensor tokens = tokens_of(norm->forward(x, strips.shared));
    const auto of_all = [&](const at::Tensor& own) {
      return strips.shared ? strips.shared->joined(own, 1) : own;
    };
    const at::Tensor keys = of_all(key->forward(tokens)), values = of_all(value->forward(tokens));
    const at::Tensor attention = multi_head_attention(query->forward(tokens), keys, values, 1);
    strips.cancel.check();
    return forward_in_strips(*second, x + picture_of(out->forward(attention), x.size(2), x.size(3)), strips);
  }

  std::shared_ptr<ResnetBlock> first, second;
  std::shared_ptr<GroupNorm> norm;
  std::shared_ptr<Linear> query, key, value, out;
};

struct Vae::Down : Group {
  Down(int64_t in, int64_t out, bool downsamples, const VaeConfig& config) {
    for (int64_t i = 0; i < config.layers; ++i) {
      blocks.push_back(add(fmt::format("resnets.{}", i), resnet(i == 0 ? in : out, out, config)));
    }
    if (downsamples)
      downsample =
          add("downsamplers.0.conv", std::make_shared<Conv2d>(out, out, 3, ConvSettings{.stride = 2}));
  }

  at::Tensor forward(at::Tensor x, const Strips& strips) const {
    for (const auto& block : blocks) {
      strips.cancel.between_layers({&x});
      x = forward_in_strips(*block, x, strips);
    }
    // The published network pads on the right and at the bottom only.
    return downsample ? downsample->forward(at::constant_pad_nd(x, {0, 1, 0, 1})) : x;
  }

  std::vector<std::shared_ptr<ResnetBlock>> blocks;
  std::shared_ptr<Conv2d> downsample;
};

struct Vae::Up : Group {
  Up(int64_t in, int64_t out, bool upsamples, const VaeConfig& config) {
    for (int64_t i = 0; i <= config.layers; ++i) {
      blocks.push_back(add(fmt::format("resnets.{}", i), resnet(i == 0 ? in : out, out, config)));
    }
    if (upsamples) upsample = add("upsamplers.0.conv", std::make_shared<Conv2d>(out, out, 3, kSame));
  }

  at::Tensor forward(at::Tensor x, const Strips& strips) const {
    for (const auto& block : blocks) {
      strips.cancel.between_layers({&x});
      x = forward_in_strips(*block, x, strips);
    }
    return upsample ? upsampled_convolution(x, *upsample, strips) : x;
  }

  std::vector<std::shared_ptr<ResnetBlock>> blocks;
  std::shared_ptr<Conv2d> upsample;
};

struct Vae::Encoder : Group {
  explicit Encoder(const VaeConfig& config) {
    const auto& widths = config.widths;
    conv_in = add("conv_in", std::make_shared<Conv2d>(config.channels, widths.front(), 3, kSame));
    for (size_t i = 0; i < widths.size(); ++i) {
      downs.push_back(
          add(fmt::format("down_blocks.{}", i),
              std::make_shared<Down>(widths[i == 0 ? 0 : i - 1], widths[i], i + 1 < widths.size(), config)));
    }
    middle = add("mid_block", std::make_shared<Middle>(widths.back(), config));
    norm = add("conv_norm_out", std::make_shared<GroupNorm>(config.groups, widths.back(), kEpsilon));
    conv_out = add("conv_out", std::make_shared<Conv2d>(widths.back(), 2 * config.latent_channels, 3, kSame));
  }

  at::Tensor forward(const at::Tensor& pictures, const Strips& strips, const Observer& observer) const {
    at::Tensor x = conv_in->forward(channels_last(pictures));
    for (size_t i = 0; i < downs.size(); ++i) {
      x = downs[i]->forward(std::move(x), strips);
      observe(observer, fmt::format("enc_down{}", i), x);
    }
    x = middle->forward(std::move(x), strips);
    observe(observer, "enc_mid", x);
    x = normed_convolution(x, *norm, *conv_out, strips);
    observe(observer, "enc_out", x);
    return x;
  }

  std::shared_ptr<Conv2d> conv_in, conv_out;
  std::vector<std::shared_ptr<Down>> downs;
  std::shared_ptr<Middle> middle;
  std::shared_ptr<GroupNorm> norm;
};

struct Vae::Decoder : Group {
  explicit Decoder(const VaeConfig& config) {
    const std::vector<int64_t> widths(config.widths.rbegin(), config.widths.rend());
    conv_in = add("conv_in", std::make_shared<Conv2d>(config.latent_channels, widths.front(), 3, kSame));
    middle = add("mid_block", std::make_shared<Middle>(widths.front(), config));
    for (size_t i = 0; i < widths.size(); ++i) {
      ups.push_back(
          add(fmt::format("up_blocks.{}", i),
              std::make_shared<Up>(widths[i == 0 ? 0 : i - 1], widths[i], i + 1 < widths.size(), config)));
    }
    norm = add("conv_norm_out", std::make_shared<GroupNorm>(config.groups, widths.back(), kEpsilon));
    conv_out = add("conv_out", std::make_shared<Conv2d>(widths.back(), config.channels, 3, kSame));
  }

  at::Tensor forward(const at::Tensor& latents, const Strips& strips, const Observer& observer) const {
    at::Tensor x = conv_in->forward(channels_last(latents));
    if (strips.shared) {
      const RowRange& own = strips.shared->range();
      x = channels_last(x.narrow(2, own.first, own.count()));
    }
    x = middle->forward(std::move(x), strips);
    observe(observer, "dec_mid", x);
    for (size_t i = 0; i < ups.size(); ++i) {
      x = ups[i]->forward(std::move(x), strips);
      observe(observer, fmt::format("dec_up{}", i), x);
    }
    return normed_convolution(x, *norm, *conv_out, strips);
  }

  std::shared_ptr<Conv2d> conv_in, conv_out;
  std::shared_ptr<Middle> middle;
  std::vector<std::shared_ptr<Up>> ups;
  std::shared_ptr<GroupNorm> norm;
};

Vae::Vae(const VaeConfig& config, VaeParts parts) {
  const int64_t latent = config.latent_channels;
  if (parts != VaeParts::kDecoder) {
    encoder_ = register_module("encoder", std::make_shared<Encoder>(config));
    quant_ = register_module("quant_conv", std::make_shared<Conv2d>(2 * latent, 2 * latent, 1));
  }
  if (parts != VaeParts::kEncoder) {
    decoder_ = register_module("decoder", std::make_shared<Decoder>(config));
    post_quant_ = register_module("post_quant_conv", std::make_shared<Conv2d>(latent, latent, 1));
  }
}

at::Tensor Vae::moments(const at::Tensor& pictures, const Strips& strips, const Observer& observer) const {
  const KeptConvolutionRoom room;
  return quant_->forward(encoder_->forward(pictures, strips, observer));
}

LatentDistribution Vae::distribution(const at::Tensor& moments) {
  const auto halves = moments.chunk(2, 1);
  return {halves[0], halves[1].clamp(-30, 20)};
}

at::Tensor LatentDistribution::deviation() const { return (log_variance * 0.5).exp(); }

at::Tensor LatentDistribution::sample(const at::Tensor& noise) const { return mean + deviation() * noise; }

at::Tensor Vae::decode(const at::Tensor& latents, const Strips& strips, const Observer& observer) const {
  const KeptConvolutionRoom room;
  return decoder_->forward(post_quant_->forward(latents), strips, observer);
}

}  // namespace relievo
