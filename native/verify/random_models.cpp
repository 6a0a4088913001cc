#include "verify/random_models.h"

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "multiview/config.h"
#include "reconstruct/lrm.h"
#include "runtime/machine/workers.h"
#include "verify/random_weights.h"
#include "verify/shaped_field.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kModels = "RELIEVO_MODELS";
constexpr int64_t kMiB = int64_t{1} << 20;

void write_json(const fs::path& path, const json& content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << content.dump();
}

/// A tower of CLIP's in Hugging Face's words.
json tower(int width, int mlp_width, int layers, int heads) {
  return {{"hidden_size", width},
          {"intermediate_size", mlp_width},
          {"num_hidden_layers", layers},
          {"num_attention_heads", heads}};
}

/// The configurations of a diffusers folder's components, under the keys that it gives them.
json components(ModelSize size) {
  const bool tiny = size == ModelSize::kTiny;
  json text = tiny ? tower(64, 64, 1, 1) : tower(1024, 64, 1, 16);
  text.update({{"vocab_size", 30}, {"max_position_embeddings", tiny ? 5 : 77}});
  json vision = tiny ? tower(64, 64, 1, 1) : tower(1280, 5120, 32, 16);
  vision.update({{"image_size", tiny ? 28 : 224}, {"patch_size", 14}, {"projection_dim", tiny ? 64 : 1024}});
  json unet{
      {"in_channels", 4}, {"layers_per_block", tiny ? 1 : 2}, {"cross_attention_dim", tiny ? 64 : 1024}};
  const std::string attends = "CrossAttnDownBlock2D";
  if (tiny) {
    unet.update({{"block_out_channels", {64, 128}},
                 {"attention_head_dim", {1, 2}},
                 {"down_block_types", {attends, attends}},
                 {"norm_num_groups", 32}});
  } else {
    unet.update({{"block_out_channels", {320, 640, 1280, 1280}},
                 {"attention_head_dim", {5, 10, 20, 20}},
                 {"down_block_types", {attends, attends, attends, "DownBlock2D"}},
                 {"norm_num_groups", 32}});
  }
  json vae{{"in_channels", 3}, {"latent_channels", 4}, {"layers_per_block", tiny ? 1 : 2}};
  vae["block_out_channels"] = tiny ? json{32, 32, 32, 64} : json{128, 256, 512, 512};
  vae["norm_num_groups"] = 32;
  return {{"text_encoder", text}, {"vision_encoder", vision}, {"unet", unet}, {"vae", vae}};
}

void write_multiview(const fs::path& folder, ModelSize size, const at::Tensor& block) {
  const json configs = components(size);
  for (const auto& [name, config] : configs.items()) write_json(folder / name / "config.json", config);
  const int positions = configs["text_encoder"]["max_position_embeddings"];
  std::vector<double> ramp;
  for (int i = 0; i < positions; ++i) ramp.push_back(i / (positions - 1.0));
  write_json(folder / "model_index.json", {{"ramping_coefficients", ramp}});
  if (size == ModelSize::kTiny) {
    const auto write_extractor = [&](const char* name, int side) {
      const json half{0.5, 0.5, 0.5};
      write_json(
          folder / name / "preprocessor_config.json",
          {{"crop_size", {{"height", side}, {"width", side}}}, {"image_mean", half}, {"image_std", half}});
    };
    write_extractor("feature_extractor_clip", configs["vision_encoder"]["image_size"]);
    write_extractor("feature_extractor_vae", 32);
  }
  const auto write = [&](const char* file, const torch::nn::Module& network) {
    write_numbers(folder / file, network, "", at::kBFloat16, block);
  };
  write("text_encoder/model.safetensors", ClipText(text_config(configs["text_encoder"])));
  write("vision_encoder/model.safetensors", ClipVision(vision_config(configs["vision_encoder"])));
  write("unet/diffusion_pytorch_model.safetensors", Unet(unet_config(configs["unet"])));
  write("vae/diffusion_pytorch_model.safetensors", Vae(vae_config(configs["vae"])));
}

void write_reconstruction(const fs::path& folder, ModelSize size, const at::Tensor& block) {
  LrmConfig config = published_lrm(kRandomModel);
  if (size == ModelSize::kTiny) {
    config.encoder = {.width = 64, .heads = 1, .layers = 2, .mlp_width = 256, .patch = 16, .image = 32};
    config.transformer = {.width = 64,
                          .heads = 1,
                          .layers = 2,
                          .condition_width = 64,
                          .low_resolution = 8,
                          .high_resolution = 16,
                          .channels = 8};
    const ImageEncoderConfig& e = config.encoder;
    const TriplaneTransformerConfig& t = config.transformer;
    write_json(
        folder / "config.json",
        {{"dino",
          {{"hidden", e.width}, {"heads", e.heads}, {"layers", e.layers}, {"patch", 16}, {"image", 32}}},
         {"params",
          {{"transformer_dim", t.width},
           {"transformer_heads", t.heads},
           {"transformer_layers", t.layers},
           {"encoder_feat_dim", t.condition_width},
           {"triplane_low_res", t.low_resolution},
           {"triplane_high_res", t.high_resolution},
           {"triplane_dim", t.channels}}}});
  }
  write_numbers(folder / "instant_mesh_large.ckpt", Lrm(config), "lrm_generator.", at::kBFloat16, block);
}

}  // namespace

int64_t random_models_bytes(ModelSize size) { return size == ModelSize::kTiny ? 8 * kMiB : 4000 * kMiB; }

void write_random_models(const fs::path& folder, ModelSize size) {
  fs::create_directories(folder);
  std::error_code error;
  const fs::space_info room = fs::space(folder, error);
  const int64_t wanted = random_models_bytes(size);
  if (!error && room.available < static_cast<uintmax_t>(wanted)) {
    throw Error(ErrorCode::kIo,
                fmt::format("Random weights need {} in '{}', which has {}.", format_bytes(wanted),
                            folder.string(), format_bytes(static_cast<int64_t>(room.available))),
                "Make room on that disk, or let the environment's TMPDIR name a folder on another one.");
  }
  const at::Tensor block = number_block();
  write_multiview(folder / "zero123plus-v1.2", size, block);
  write_reconstruction(folder / kRandomModel, size, block);
}

void mesh_an_ellipsoid() {
  make_mesh_field() = [](at::Tensor planes, std::shared_ptr<const MeshHeads> heads) {
    return std::make_shared<ShapedMeshField>(std::move(planes), std::move(heads), RoundShape::kEllipsoid);
  };
}

WithRandomModels::WithRandomModels(const fs::path& folder) : published_(make_mesh_field()) {
  if (const char* before = std::getenv(kModels)) models_before_ = before;
  setenv(kModels, folder.c_str(), 1);
  mesh_an_ellipsoid();
}

WithRandomModels::~WithRandomModels() {
  models_before_ ? setenv(kModels, models_before_->c_str(), 1) : unsetenv(kModels);
  make_mesh_field() = published_;
}

}  // namespace relievo
