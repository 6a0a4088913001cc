#include "multiview/config.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace relievo {
namespace {

using nlohmann::json;

void require(bool is_known, const std::string& what) {
  if (is_known) return;
  throw Error(ErrorCode::kModelMismatch, fmt::format("The model's configuration {}.", what),
              "Fetch the published model again.");
}

void require_division(int64_t width, int64_t parts, const char* what) {
  require(width > 0 && parts > 0 && width % parts == 0,
          fmt::format("divides {} channels into {} {}", width, parts, what));
}

void require_size(int64_t size, int64_t most, const char* what) {
  require(size > 0 && size <= most, fmt::format("asks for {} {}", size, what));
}

constexpr int64_t kMostLayers = 256, kMostWidth = 1 << 16;

std::vector<int64_t> per_level(const json& value, size_t levels) {
  if (value.is_number()) return std::vector<int64_t>(levels, value.get<int64_t>());
  return value.get<std::vector<int64_t>>();
}

void require_gelu(const json& config) {
  require(config.value("hidden_act", "gelu") == "gelu", "asks for an activation that is not GELU");
}

}  // namespace

ClipTextConfig text_config(const json& config) {
  require_gelu(config);
  const ClipTextConfig text{.width = config.at("hidden_size"),
                            .mlp_width = config.at("intermediate_size"),
                            .layers = config.at("num_hidden_layers"),
                            .heads = config.at("num_attention_heads"),
                            .vocabulary = config.at("vocab_size"),
                            .positions = config.at("max_position_embeddings")};
  require_size(text.layers, kMostLayers, "layers");
  require_size(text.width, kMostWidth, "channels");
  require_size(text.mlp_width, kMostWidth, "channels");
  require_size(text.vocabulary, 1 << 24, "words");
  require_size(text.positions, 1 << 16, "positions");
  require(text.vocabulary >= 2 && text.positions >= 2, "has no place for the empty prompt");
  require_division(text.width, text.heads, "heads");
  return text;
}

ClipVisionConfig vision_config(const json& config) {
  require_gelu(config);
  const ClipVisionConfig vision{.width = config.at("hidden_size"),
                                .mlp_width = config.at("intermediate_size"),
                                .layers = config.at("num_hidden_layers"),
                                .heads = config.at("num_attention_heads"),
                                .image = config.at("image_size"),
                                .patch = config.at("patch_size"),
                                .projection = config.at("projection_dim")};
  require_size(vision.layers, kMostLayers, "layers");
  require_size(vision.width, kMostWidth, "channels");
  require_size(vision.mlp_width, kMostWidth, "channels");
  require_size(vision.projection, kMostWidth, "channels");
  require_size(vision.image, 4096, "pixels a side");
  require_division(vision.image, vision.patch, "patches");
  require_division(vision.width, vision.heads, "heads");
  return vision;
}

VaeConfig vae_config(const json& config) {
  const VaeConfig vae{.channels = config.at("in_channels"),
                      .latent_channels = config.at("latent_channels"),
                      .widths = config.at("block_out_channels"),
                      .layers = config.at("layers_per_block"),
                      .groups = config.at("norm_num_groups")};
  require_size(static_cast<int64_t>(vae.widths.size()), 8, "levels");
  require_size(vae.layers, kMostLayers, "layers");
  require_size(vae.channels, kMostWidth, "channels");
  require_size(vae.latent_channels, kMostWidth, "channels");
  for (const int64_t width : vae.widths) {
    require_size(width, kMostWidth, "channels");
    require_division(width, vae.groups, "groups");
  }
  return vae;
}

UnetConfig unet_config(const json& config) {
  UnetConfig unet{.channels = config.at("in_channels"),
                  .widths = config.at("block_out_channels"),
                  .heads = {},
                  .attends = {},
                  .layers = config.at("layers_per_block"),
                  .prompt_width = config.at("cross_attention_dim"),
                  .groups = config.at("norm_num_groups")};
  unet.heads = per_level(config.at("attention_head_dim"), unet.widths.size());
  for (const std::string type : config.at("down_block_types")) {
    unet.attends.push_back(type.starts_with("CrossAttn"));
  }
  const size_t levels = unet.widths.size();
  require_size(static_cast<int64_t>(levels), 8, "levels");
  require(unet.heads.size() == levels && unet.attends.size() == levels, "does not describe each level");
  require_size(unet.channels, kMostWidth, "channels");
  require_size(unet.prompt_width, kMostWidth, "channels");
  require_size(unet.layers, kMostLayers, "layers");
  require(config.value("use_linear_projection", true), "asks for projections by convolution");
  for (size_t i = 0; i < levels; ++i) {
    require_size(unet.widths[i], kMostWidth, "channels");
    require_division(unet.widths[i], unet.groups, "groups");
    require_division(unet.widths[i], unet.heads[i], "heads");
  }
  return unet;
}

Extractor extractor_config(const json& config) {
  const json& crop = config.at("crop_size");
  Extractor extractor{.side = crop.is_number() ? crop.get<int>() : crop.at("height").get<int>()};
  require_size(extractor.side, 4096, "pixels a side");
  for (size_t c = 0; c < 3; ++c) {
    extractor.mean[c] = config.at("image_mean").at(c);
    extractor.deviation[c] = config.at("image_std").at(c);
    require(extractor.deviation[c] > 0, "has a deviation of zero");
  }
  return extractor;
}

Diffusion diffusion_config(const json& config) {
  Diffusion diffusion;
  diffusion.train_steps = config.at("num_train_timesteps");
  diffusion.beta_start = config.at("beta_start");
  diffusion.beta_end = config.at("beta_end");
  diffusion.steps_offset = config.value("steps_offset", 0);
  require_size(diffusion.train_steps, 1 << 20, "training steps");
  const std::string betas = config.at("beta_schedule"),
                    spacing = config.value("timestep_spacing", "linspace"),
                    prediction = config.at("prediction_type");
  require(betas == "linear" || betas == "scaled_linear", fmt::format("has the noise schedule '{}'", betas));
  require(spacing == "trailing" || spacing == "linspace" || spacing == "leading",
          fmt::format("has the spacing '{}'", spacing));
  require(prediction == "epsilon" || prediction == "v_prediction", fmt::format("predicts '{}'", prediction));
  diffusion.betas = betas == "linear" ? BetaSchedule::kLinear : BetaSchedule::kScaledLinear;
  diffusion.spacing = spacing == "trailing"   ? Spacing::kTrailing
                      : spacing == "linspace" ? Spacing::kLinspace
                                              : Spacing::kLeading;
  diffusion.prediction = prediction == "epsilon" ? Prediction::kNoise : Prediction::kVelocity;
  return diffusion;
}

}  // namespace relievo
