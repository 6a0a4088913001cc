// A diffusers folder, part by part.
#include "multiview/load.h"

#include <filesystem>
#include <future>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../weights/samples.h"
#include "base/error.h"
#include "nn/tensors.h"
#include "tiny_folder.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A whole model in small, as published.
class MultiviewFolder : public testing::Test {
 protected:
  void SetUp() override { networks_.write(folder()); }

  fs::path folder() const { return scratch_.folder(); }
  void write(const std::string& name, const json& config) { write_json(folder() / name, config); }
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
  TinyNetworks networks_;
};

void expect_same(const torch::nn::Module& part, const torch::nn::Module& whole) {
  const auto expected = whole.named_parameters();
  for (const auto& item : part.named_parameters()) {
    EXPECT_TRUE(item.value().equal(expected[item.key()])) << item.key();
  }
}

/// Weights that come in layer by layer make what those that stay make.
TEST_F(MultiviewFolder, StreamedNetworksMakeTheSame) {
  const at::NoGradGuard no_grad;
  const MultiviewFiles files(folder());
  for (const at::ScalarType precision : {at::kFloat, at::kBFloat16}) {
    Execution resident, streamed;
    resident.dtype = streamed.dtype = precision;
    const auto beside = [](std::function<void()> task) {
      return std::async(std::launch::async, std::move(task));
    };
    streamed.streamed = std::make_shared<StreamedWeights>();
    const ConditionParts stays = files.condition_parts(resident), comes = files.condition_parts(streamed);
    streamed.streamed->begin(beside);
    const NoiseKey noise{.seed = 3};
    const Conditions expected = condition_views(test_picture(), noise, {.parts = {&stays}}, {});
    const Conditions made = condition_views(test_picture(), noise, {.parts = {&comes}}, {});
    EXPECT_TRUE(made.latents.equal(expected.latents) && made.states.equal(expected.states));
    streamed.streamed->end();

    streamed.streamed = std::make_shared<StreamedWeights>();
    const auto unet = files.unet(streamed);
    streamed.streamed->begin(beside);
    const auto denoised = [&](std::shared_ptr<const Unet> network) {
      return denoise({&expected, 1}, {&noise, 1}, {.unets = {std::move(network)}}, files.diffusion(),
                     tiny_settings(), {})[0];
    };
    EXPECT_TRUE(denoised(unet).equal(denoised(files.unet(resident))));
    streamed.streamed->end();
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
  expect_same(*files.vision({}), networks_.vision);
  expect_same(*files.unet({}), networks_.unet);
  const auto encoder = files.vae(VaeParts::kEncoder, {}), decoder = files.vae(VaeParts::kDecoder, {});
  expect_same(*encoder, networks_.vae);
  expect_same(*decoder, networks_.vae);
  EXPECT_EQ(encoder->parameters().size() + decoder->parameters().size(), networks_.vae.parameters().size());
  for (const auto& item : encoder->named_parameters())
    EXPECT_EQ(item.key().find("decoder"), std::string::npos);
}

TEST_F(MultiviewFolder, LoadsSomeBlocksInAnotherPrecision) {
  const MultiviewFiles files(folder());
  Execution execution;
  execution.dtype = at::kBFloat16;
  const int blocks = Unet::blocks(files.unet_config());
  const auto first = files.unet(0, 7, execution), second = files.unet(7, blocks, execution);
  EXPECT_EQ(first->parameters().size() + second->parameters().size(), networks_.unet.parameters().size());
  const auto expected = networks_.unet.named_parameters();
  for (const auto& item : second->named_parameters()) {
    EXPECT_TRUE(item.value().equal(expected[item.key()].to(at::kBFloat16))) << item.key();
  }
}

TEST_F(MultiviewFolder, TheVaeStaysInFloat32WhereTheOthersAreInFloat16) {
  const MultiviewFiles files(folder());
  Execution execution;
  execution.dtype = at::kHalf;
  const ConditionParts parts = files.condition_parts(execution);
  EXPECT_EQ(parts.vae->parameters().front().scalar_type(), at::kFloat);
  EXPECT_EQ(parts.vision->parameters().front().scalar_type(), at::kHalf);
  EXPECT_EQ(files.vae(VaeParts::kDecoder, execution)->parameters().front().scalar_type(), at::kFloat);
  EXPECT_EQ(files.unet(execution)->parameters().front().scalar_type(), at::kHalf);
}

TEST_F(MultiviewFolder, APartIsAsStrictAsTheWhole) {
  Vae odd({.widths = {8, 8, 8, 16}, .layers = 2, .groups = 4});
  fill_randomly(odd);
  save_network(folder() / "vae/diffusion_pytorch_model.safetensors", odd);
  const MultiviewFiles files(folder());
  EXPECT_EQ(refusal_of([&] { files.vae(VaeParts::kDecoder, {}); }), ErrorCode::kModelMismatch);
  fs::remove(folder() / "unet/diffusion_pytorch_model.safetensors");
  save_network(folder() / "unet/diffusion_pytorch_model.safetensors", networks_.vae);
  EXPECT_EQ(refusal_of([&] { files.unet(0, 5, {}); }), ErrorCode::kModelMismatch);
}

TEST_F(MultiviewFolder, TheEmptyPromptIsMadeOnce) {
  const at::Tensor expected = networks_.text.empty_prompt()[0];
  EXPECT_TRUE(MultiviewFiles(folder()).empty_prompt().equal(expected));
  ASSERT_TRUE(fs::exists(folder() / "empty_prompt.safetensors"));
  // Without the tower the cached prompt is taken.
  const fs::path tower = folder() / "text_encoder/model.safetensors";
  fs::rename(tower, folder() / "kept");
  EXPECT_TRUE(MultiviewFiles(folder()).empty_prompt().equal(expected));
  // Another tower makes another one.
  fill_randomly(networks_.text);
  save_network(tower, networks_.text);
  EXPECT_TRUE(MultiviewFiles(folder()).empty_prompt().equal(networks_.text.empty_prompt()[0]));
  // A damaged one is made again.
  std::ofstream(folder() / "empty_prompt.safetensors") << "nothing";
  EXPECT_TRUE(MultiviewFiles(folder()).empty_prompt().equal(networks_.text.empty_prompt()[0]));
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
