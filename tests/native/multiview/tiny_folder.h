// The folder of the tiny multi-view model in the published layout.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include "tiny_model.h"
#include "weights/tensor_file.h"

namespace relievo {

inline void write_json(const std::filesystem::path& path, const nlohmann::json& object) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << object.dump();
}

/// The network's parameters and buffers, in float32, as safetensors.
inline void save_network(const std::filesystem::path& path, const torch::nn::Module& network,
                         const std::string& prefix = "") {
  std::map<std::string, TensorView, std::less<>> tensors;
  const auto add = [&](const auto& named) {
    for (const auto& item : named) {
      const at::Tensor& values = item.value();
      tensors[prefix + item.key()] = {
          DType::kFloat32,
          values.sizes().vec(),
          {static_cast<const std::byte*>(values.const_data_ptr()), static_cast<size_t>(values.nbytes())}};
    }
  };
  const auto parameters = network.named_parameters(), buffers = network.named_buffers();
  add(parameters);
  add(buffers);
  std::filesystem::create_directories(path.parent_path());
  write_safetensors(path, tensors);
}

/// The networks of a whole model in small, with random weights.
struct TinyNetworks {
  TinyNetworks() {
    at::manual_seed(8);
    for (torch::nn::Module* network :
         {static_cast<torch::nn::Module*>(&unet), static_cast<torch::nn::Module*>(&vae),
          static_cast<torch::nn::Module*>(&text), static_cast<torch::nn::Module*>(&vision)}) {
      fill_randomly(*network);
    }
  }

  /// Writes the configurations, too, and a scheduler, whose numbers are not the published ones.
  void write(const std::filesystem::path& folder) const {
    write_json(folder / "unet/config.json",
               {{"in_channels", 4},
                {"block_out_channels", {16, 32}},
                {"attention_head_dim", {2, 4}},
                {"down_block_types", {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}},
                {"layers_per_block", 1},
                {"cross_attention_dim", 24},
                {"norm_num_groups", 8}});
    write_json(folder / "vae/config.json", {{"in_channels", 3},
                                            {"latent_channels", 4},
                                            {"block_out_channels", {8, 8, 8, 16}},
                                            {"layers_per_block", 1},
                                            {"norm_num_groups", 4},
                                            {"scaling_factor", 0.5}});
    const nlohmann::json tower{
        {"hidden_size", 24}, {"intermediate_size", 32}, {"num_hidden_layers", 1}, {"num_attention_heads", 2}};
    nlohmann::json of_text = tower, of_vision = tower;
    of_text.update({{"vocab_size", 30}, {"max_position_embeddings", 5}});
    of_vision.update({{"image_size", 28}, {"patch_size", 14}, {"projection_dim", 24}});
    write_json(folder / "text_encoder/config.json", of_text);
    write_json(folder / "vision_encoder/config.json", of_vision);
    write_json(folder / "scheduler/scheduler_config.json", {{"num_train_timesteps", 900},
                                                            {"beta_start", 0.001},
                                                            {"beta_end", 0.02},
                                                            {"beta_schedule", "scaled_linear"},
                                                            {"timestep_spacing", "linspace"},
                                                            {"prediction_type", "epsilon"}});
    write_json(folder / "feature_extractor_vae/preprocessor_config.json",
               {{"crop_size", {{"height", 32}, {"width", 32}}},
                {"image_mean", {0.5, 0.5, 0.5}},
                {"image_std", {0.8, 0.8, 0.8}}});
    write_json(folder / "feature_extractor_clip/preprocessor_config.json",
               {{"crop_size", 28}, {"image_mean", {0.1, 0.2, 0.3}}, {"image_std", {1, 1, 1}}});
    write_json(folder / "model_index.json", {{"ramping_coefficients", {0, 0.1, 0.2, 0.3, 0.4}}});
    save_network(folder / "unet/diffusion_pytorch_model.safetensors", unet);
    save_network(folder / "vae/diffusion_pytorch_model.safetensors", vae);
    save_network(folder / "text_encoder/model.safetensors", text);
    save_network(folder / "vision_encoder/model.safetensors", vision);
  }

  Unet unet{tiny_unet()};
  Vae vae{{.widths = {8, 8, 8, 16}, .layers = 1, .groups = 4}};
  ClipText text{{.width = 24, .mlp_width = 32, .layers = 1, .heads = 2, .vocabulary = 30, .positions = 5}};
  ClipVision vision{
      {.width = 24, .mlp_width = 32, .layers = 1, .heads = 2, .image = 28, .patch = 14, .projection = 24}};
};

}  // namespace relievo
