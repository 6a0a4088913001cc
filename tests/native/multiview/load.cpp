// A diffusers folder, part by part.
#include "multiview/load.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../weights/samples.h"
#include "base/error.h"
#include "nn/tensors.h"
#include "tiny_model.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

void save(const torch::nn::Module& network, const fs::path& path) {
  std::map<std::string, TensorView, std::less<>> tensors;
  for (const auto& item : network.named_parameters()) {
    const at::Tensor& values = item.value();
    tensors[item.key()] = {
        DType::kFloat32,
        values.sizes().vec(),
        {static_cast<const std::byte*>(values.const_data_ptr()), static_cast<size_t>(values.nbytes())}};
  }
  fs::create_directories(path.parent_path());
  write_safetensors(path, tensors);
}

/// A whole model in small, as published.
class MultiviewFolder : public testing::Test {
 protected:
  void SetUp() override {
    at::manual_seed(8);
    write("unet/config.json", {{"in_channels", 4},
                               {"block_out_channels", {16, 32}},
                               {"attention_head_dim", {2, 4}},
                               {"down_block_types", {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}},
                               {"layers_per_block", 1},
                               {"cross_attention_dim", 24},
                               {"norm_num_groups", 8}});
    write("vae/config.json", {{"in_channels", 3},
                              {"latent_channels", 4},
                              {"block_out_channels", {8, 8, 8, 16}},
                              {"layers_per_block", 1},
                              {"norm_num_groups", 4},
                              {"scaling_factor", 0.5}});
    const json tower{
        {"hidden_size", 24}, {"intermediate_size", 32}, {"num_hidden_layers", 1}, {"num_attention_heads", 2}};
    json text = tower, vision = tower;
    text.update({{"vocab_size", 30}, {"max_position_embeddings", 5}});
    vision.update({{"image_size", 28}, {"patch_size", 14}, {"projection_dim", 24}});
    write("text_encoder/config.json", text);
    write("vision_encoder/config.json", vision);
    write("scheduler/scheduler_config.json", {{"num_train_timesteps", 900},
                                              {"beta_start", 0.001},
                                              {"beta_end", 0.02},
                                              {"beta_schedule", "scaled_linear"},
                                              {"timestep_spacing", "linspace"},
                                              {"prediction_type", "epsilon"}});
    write("feature_extractor_vae/preprocessor_config.json", {{"crop_size", {{"height", 32}, {"width", 32}}},
                                                             {"image_mean", {0.5, 0.5, 0.5}},
                                                             {"image_std", {0.8, 0.8, 0.8}}});
    write("feature_extractor_clip/preprocessor_config.json",
          {{"crop_size", 28}, {"image_mean", {0.1, 0.2, 0.3}}, {"image_std", {1, 1, 1}}});
    write("model_index.json", {{"ramping_coefficients", {0, 0.1, 0.2, 0.3, 0.4}}});
    for (torch::nn::Module* network :
         {static_cast<torch::nn::Module*>(&unet_), static_cast<torch::nn::Module*>(&vae_),
          static_cast<torch::nn::Module*>(&text_), static_cast<torch::nn::Module*>(&vision_)}) {
      fill_randomly(*network);
    }
    save(unet_, folder() / "unet/diffusion_pytorch_model.safetensors");
    save(vae_, folder() / "vae/diffusion_pytorch_model.safetensors");
    save(text_, folder() / "text_encoder/model.safetensors");
    save(vision_, folder() / "vision_encoder/model.safetensors");
  }

  fs::path folder() const { return scratch_.folder(); }
  void write(const std::string& name, const json& config) {
    fs::create_directories((folder() / name).parent_path());
    std::ofstream(folder() / name) << config.dump();
  }
  template <typename Call>
  static ErrorCode refusal_of(const Call& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  }

  Scratch scratch_;
  Unet unet_{tiny_unet()};
  Vae vae_{{.widths = {8, 8, 8, 16}, .layers = 1, .groups = 4}};
  ClipText text_{{.width = 24, .mlp_width = 32, .layers = 1, .heads = 2, .vocabulary = 30, .positions = 5}};
  ClipVision vision_{
      {.width = 24, .mlp_width = 32, .layers = 1, .heads = 2, .image = 28, .patch = 14, .projection = 24}};
};

void expect_same(const torch::nn::Module& part, const torch::nn::Module& whole) {
  const auto expected = whole.named_parameters();
  for (const auto& item : part.named_parameters()) {
    EXPECT_TRUE(item.value().equal(expected[item.key()])) << item.key();
  }
}

TEST_F(MultiviewFolder, FollowsTheConfigurations) {
  const MultiviewFiles files(folder());
  EXPECT_EQ(files.latent_factor(), 0.5);
  EXPECT_EQ(files.diffusion().train_steps, 900);
  EXPECT_EQ(files.diffusion().betas, BetaSchedule::kScaledLinear);
  EXPECT_EQ(files.diffusion().prediction, Prediction::kNoise);
  EXPECT_EQ(files.diffusion().spacing, Spacing::kTrailing);
  EXPECT_NEAR(files.ramp()[3].item<float>(), 0.3, 1e-7);
  const ConditionParts parts = files.condition_parts({});
  EXPECT_EQ(parts.picture.side, 32);
  EXPECT_EQ(parts.clip.side, 28);
  EXPECT_FLOAT_EQ(parts.clip.mean[1], 0.2f);
}

TEST_F(MultiviewFolder, WithoutConfigurationsThePublishedOnesHold) {
  fs::create_directories(folder() / "empty");
  const MultiviewFiles files(folder() / "empty");
  EXPECT_EQ(files.unet_config().widths, UnetConfig{}.widths);
  EXPECT_EQ(files.diffusion().train_steps, 1000);
  EXPECT_EQ(files.latent_factor(), 0.18215);
  EXPECT_EQ(refusal_of([&] { files.unet({}); }), ErrorCode::kIo);
  EXPECT_EQ(refusal_of([&] { files.ramp(); }), ErrorCode::kModelCorrupt);
}

TEST_F(MultiviewFolder, LoadsEachPart) {
  const MultiviewFiles files(folder());
  expect_same(*files.vision({}), vision_);
  expect_same(*files.unet({}), unet_);
  const auto encoder = files.vae(VaeParts::kEncoder, {}), decoder = files.vae(VaeParts::kDecoder, {});
  expect_same(*encoder, vae_);
  expect_same(*decoder, vae_);
  EXPECT_EQ(encoder->parameters().size() + decoder->parameters().size(), vae_.parameters().size());
  for (const auto& item : encoder->named_parameters())
    EXPECT_EQ(item.key().find("decoder"), std::string::npos);
}

TEST_F(MultiviewFolder, LoadsSomeBlocksInAnotherPrecision) {
  const MultiviewFiles files(folder());
  Execution execution;
  execution.dtype = at::kBFloat16;
  const int blocks = Unet::blocks(files.unet_config());
  const auto first = files.unet(0, 7, execution), second = files.unet(7, blocks, execution);
  EXPECT_EQ(first->parameters().size() + second->parameters().size(), unet_.parameters().size());
  const auto expected = unet_.named_parameters();
  for (const auto& item : second->named_parameters()) {
    EXPECT_TRUE(item.value().equal(expected[item.key()].to(at::kBFloat16))) << item.key();
  }
}

TEST_F(MultiviewFolder, APartIsAsStrictAsTheWhole) {
  Vae odd({.widths = {8, 8, 8, 16}, .layers = 2, .groups = 4});
  fill_randomly(odd);
  save(odd, folder() / "vae/diffusion_pytorch_model.safetensors");
  const MultiviewFiles files(folder());
  EXPECT_EQ(refusal_of([&] { files.vae(VaeParts::kDecoder, {}); }), ErrorCode::kModelMismatch);
  fs::remove(folder() / "unet/diffusion_pytorch_model.safetensors");
  save(vae_, folder() / "unet/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(refusal_of([&] { files.unet(0, 5, {}); }), ErrorCode::kModelMismatch);
}

TEST_F(MultiviewFolder, TheEmptyPromptIsMadeOnce) {
  const at::Tensor expected = text_.empty_prompt()[0];
  EXPECT_TRUE(MultiviewFiles(folder()).empty_prompt().equal(expected));
  ASSERT_TRUE(fs::exists(folder() / "empty_prompt.safetensors"));
  // Without the tower it is what was kept.
  const fs::path tower = folder() / "text_encoder/model.safetensors";
  fs::rename(tower, folder() / "kept");
  EXPECT_TRUE(MultiviewFiles(folder()).empty_prompt().equal(expected));
  // Another tower makes another one.
  fill_randomly(text_);
  save(text_, tower);
  EXPECT_TRUE(MultiviewFiles(folder()).empty_prompt().equal(text_.empty_prompt()[0]));
  // A damaged one is made again.
  std::ofstream(folder() / "empty_prompt.safetensors") << "nothing";
  EXPECT_TRUE(MultiviewFiles(folder()).empty_prompt().equal(text_.empty_prompt()[0]));
}

TEST_F(MultiviewFolder, ImpossibleConfigurationsAreRefused) {
  const auto code = [&](const char* file, const json& config) {
    write(file, config);
    return refusal_of([&] { MultiviewFiles files(folder()); });
  };
  EXPECT_EQ(code("vae/config.json", json::array()), ErrorCode::kModelCorrupt);
  EXPECT_EQ(code("vae/config.json", {{"in_channels", "many"}}), ErrorCode::kModelCorrupt);
  write("vae/config.json", {{"in_channels", 3},
                            {"latent_channels", 4},
                            {"block_out_channels", {8, 8, 8, 16}},
                            {"layers_per_block", 1},
                            {"norm_num_groups", 4}});
  json unet{{"in_channels", 4},
            {"block_out_channels", {16, 32}},
            {"attention_head_dim", {0, 4}},
            {"down_block_types", {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}},
            {"layers_per_block", 1},
            {"cross_attention_dim", 24},
            {"norm_num_groups", 8}};
  EXPECT_EQ(code("unet/config.json", unet), ErrorCode::kModelMismatch);
  unet["attention_head_dim"] = {2, 4};
  unet["layers_per_block"] = 1 << 30;
  EXPECT_EQ(code("unet/config.json", unet), ErrorCode::kModelMismatch);
}

TEST_F(MultiviewFolder, PaintsAPicture) {
  MultiviewSettings settings = tiny_settings();
  const MultiviewModel model = MultiviewFiles(folder()).model({});
  const ByteImage grid = paint_view_grid(test_picture(), {}, model, settings, {});
  EXPECT_EQ(grid.width, 48);
  EXPECT_EQ(grid.height, 72);
}

}  // namespace
}  // namespace relievo
