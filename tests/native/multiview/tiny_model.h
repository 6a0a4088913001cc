// The whole multi-view model in small, with random weights.
#pragma once

#include <cmath>
#include <map>

#include <ATen/ATen.h>

#include "multiview/multiview.h"

namespace relievo {

inline UnetConfig tiny_unet() {
  return {.widths = {16, 32},
          .heads = {2, 4},
          .attends = {true, true},
          .layers = 1,
          .prompt_width = 24,
          .groups = 8};
}

inline void fill_randomly(torch::nn::Module& network) {
  for (auto& item : network.named_parameters()) {
    at::Tensor& parameter = item.value();
    const bool is_scale = parameter.dim() == 1 && item.key().ends_with("weight");
    const double spread = parameter.dim() < 2 ? 0.1 : 1 / std::sqrt(parameter.numel() / parameter.size(0));
    parameter.set_data(at::randn(parameter.sizes()) * spread + (is_scale ? 1 : 0));
  }
}

inline MultiviewModel tiny_model() {
  at::manual_seed(4);
  const auto unet = std::make_shared<Unet>(tiny_unet());
  const auto vae = std::make_shared<Vae>(VaeConfig{.widths = {8, 8, 8, 16}, .layers = 1, .groups = 4});
  const auto vision = std::make_shared<ClipVision>(ClipVisionConfig{
      .width = 16, .mlp_width = 32, .layers = 1, .heads = 2, .image = 28, .patch = 14, .projection = 24});
  fill_randomly(*unet);
  fill_randomly(*vae);
  fill_randomly(*vision);
  MultiviewModel model;
  model.unet = unet;
  model.decoder = vae;
  model.condition.vae = vae;
  model.condition.vision = vision;
  model.condition.empty_prompt = at::randn({5, 24});
  model.condition.ramp = at::linspace(0, 0.5, 5);
  model.condition.clip.side = 28;
  model.condition.picture.side = 32;
  return model;
}

inline ByteImage test_picture() {
  ByteImage picture(40, 36, 3);
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i * 37 % 251);
  return picture;
}

inline MultiviewSettings tiny_settings() {
  MultiviewSettings settings;
  settings.steps = 3;
  // Latents of 9 x 6: odd sizes are halved on the way.
  settings.view_size = 24;
  return settings;
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

}  // namespace relievo
