// The published sizes, and what may not change a network's result.
#include <cstdlib>
#include <filesystem>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "base/error.h"
#include "multiview/multiview.h"
#include "multiview/older_names.h"
#include "nn/view_grid.h"

namespace relievo {
namespace {

using nlohmann::json;

json published_counts() {
  const char* golden = std::getenv("RELIEVO_GOLDEN");
  const std::filesystem::path folder = golden ? golden : RELIEVO_TEST_DATA "/golden";
  const gzFile file = gzopen((folder / "counts.json.gz").c_str(), "rb");
  EXPECT_NE(file, nullptr) << folder;
  std::string text;
  char chunk[65536];
  for (int n = 0; file && (n = gzread(file, chunk, sizeof chunk)) > 0;)
    text.append(chunk, static_cast<size_t>(n));
  gzclose(file);
  return json::parse(text);
}

void expect_published(const torch::nn::Module& network, const json& published) {
  json ours, theirs;
  int64_t parameters = 0;
  for (const auto& item : network.named_parameters()) {
    ours[item.key()] = item.value().sizes().vec();
    parameters += item.value().numel();
  }
  for (const auto& [tensor, facts] : published.at("tensors").items()) theirs[tensor] = facts.at(0);
  EXPECT_EQ(json::diff(theirs, ours), json::array());
  EXPECT_EQ(parameters, published.at("n_parameters").get<int64_t>());
  EXPECT_TRUE(network.named_buffers().is_empty());
}

TEST(Multiview, ParameterListsOfTheFullSizesAreThePublishedOnes) {
  const json counts = published_counts();
  expect_published(Unet(UnetConfig{}), counts.at("zero123plus-unet"));
  expect_published(Vae(VaeConfig{}), counts.at("zero123plus-vae"));
  expect_published(ClipVision(ClipVisionConfig{}), counts.at("zero123plus-vision-encoder"));
  expect_published(ClipText(ClipTextConfig{}), counts.at("zero123plus-text-encoder"));
}

TEST(OlderNames, AreRenamedAndPositionIdsDropped) {
  TensorFile file;
  const std::byte bytes[16] = {};
  const std::string middle = "decoder.mid_block.attentions.0.";
  file.tensors[middle + "query.weight"] = {DType::kFloat32, {2, 2, 1, 1}, bytes};
  file.tensors[middle + "proj_attn.bias"] = {DType::kFloat32, {4}, bytes};
  file.tensors["text_model.embeddings.position_ids"] = {DType::kInt64, {1, 2}, bytes};
  file.tensors["encoder.query.weight"] = {DType::kFloat32, {4}, bytes};
  const TensorFile present = with_present_names(file);
  EXPECT_EQ(present.tensors.size(), 3u);
  EXPECT_EQ(present.at(middle + "to_q.weight").shape, (std::vector<int64_t>{2, 2}));
  EXPECT_TRUE(present.contains(middle + "to_out.0.bias"));
  EXPECT_TRUE(present.contains("encoder.query.weight"));
}

void fill_randomly(torch::nn::Module& network) {
  for (auto& item : network.named_parameters()) {
    at::Tensor& parameter = item.value();
    const bool is_scale = parameter.dim() == 1 && item.key().ends_with("weight");
    const double spread = parameter.dim() < 2 ? 0.1 : 1 / std::sqrt(parameter.numel() / parameter.size(0));
    parameter.set_data(at::randn(parameter.sizes()) * spread + (is_scale ? 1 : 0));
  }
}

/// The whole model in small, with random weights.
MultiviewModel tiny_model() {
  at::manual_seed(4);
  const auto unet = std::make_shared<Unet>(UnetConfig{.widths = {16, 32},
                                                      .heads = {2, 4},
                                                      .attends = {true, true},
                                                      .layers = 1,
                                                      .prompt_width = 24,
                                                      .groups = 8});
  const auto vae = std::make_shared<Vae>(VaeConfig{.widths = {8, 8, 8, 16}, .layers = 1, .groups = 4});
  const auto vision = std::make_shared<ClipVision>(ClipVisionConfig{
      .width = 16, .mlp_width = 32, .layers = 1, .heads = 2, .image = 28, .patch = 14, .projection = 24});
  fill_randomly(*unet);
  fill_randomly(*vae);
  fill_randomly(*vision);
  MultiviewModel model;
  model.unet = unet;
  model.vae = vae;
  model.vision = vision;
  model.empty_prompt = at::randn({5, 24});
  model.ramp = at::linspace(0, 0.5, 5);
  model.clip.side = 28;
  model.picture.side = 32;
  return model;
}

ByteImage test_picture() {
  ByteImage picture(40, 36, 3);
  for (size_t i = 0; i < picture.pixels.size(); ++i) picture.pixels[i] = static_cast<uint8_t>(i * 37 % 251);
  return picture;
}

MultiviewSettings tiny_settings() {
  MultiviewSettings settings;
  settings.steps = 3;
  settings.view_size = 24;  // latents of 9 x 6: odd sizes are halved on the way
  return settings;
}

/// The latents before decoding, and whatever else is seen.
std::map<std::string, at::Tensor> seen_in_a_run(const MultiviewModel& model,
                                                const MultiviewSettings& settings) {
  std::map<std::string, at::Tensor> seen;
  MultiviewHooks hooks;
  hooks.observer = [&](const std::string& name, const at::Tensor& value) { seen[name] = value.clone(); };
  paint_view_grid(test_picture(), model, settings, {}, hooks);
  return seen;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(PaintViewGrid, HalvesOfGuidanceTogetherOrSeparatelyAgree) {
  const MultiviewModel model = tiny_model();
  MultiviewSettings settings = tiny_settings();
  const at::Tensor together = seen_in_a_run(model, settings).at("decode_in");
  settings.halves_together = false;
  const at::Tensor apart = seen_in_a_run(model, settings).at("decode_in");
  EXPECT_LT(largest_difference(together, apart), 1e-4 * together.abs().max().item<double>());
}

TEST(PaintViewGrid, GuidanceOfOneLeavesTheOtherHalfOut) {
  const MultiviewModel model = tiny_model();
  MultiviewSettings settings = tiny_settings();
  settings.guidance = 1;
  const auto one = seen_in_a_run(model, settings);
  EXPECT_EQ(one.at("step0/unet_out").size(0), 1);
  settings.guidance = 1 + 1e-7;
  const auto both = seen_in_a_run(model, settings);
  EXPECT_EQ(both.at("step0/unet_out").size(0), 2);
  EXPECT_LT(largest_difference(one.at("decode_in"), both.at("decode_in")), 1e-3);
}

TEST(PaintViewGrid, NoiseIsThePicturesOwn) {
  const MultiviewModel model = tiny_model();
  MultiviewSettings settings = tiny_settings();
  const ByteImage first = paint_view_grid(test_picture(), model, settings, {});
  EXPECT_EQ(first.width, 48);
  EXPECT_EQ(first.height, 72);
  settings.noise.picture = 1;
  EXPECT_NE(paint_view_grid(test_picture(), model, settings, {}).pixels, first.pixels);
  settings.noise = {.seed = 1};
  EXPECT_NE(paint_view_grid(test_picture(), model, settings, {}).pixels, first.pixels);
  settings.noise = {};
  EXPECT_EQ(paint_view_grid(test_picture(), model, settings, {}).pixels, first.pixels);
}

TEST(PaintViewGrid, EverySamplerRuns) {
  const MultiviewModel model = tiny_model();
  MultiviewSettings settings = tiny_settings();
  std::vector<at::Tensor> results;
  for (const auto kind : {SamplerKind::kEulerAncestral, SamplerKind::kDpmSolver2M, SamplerKind::kUniPC}) {
    settings.sampler = kind;
    results.push_back(seen_in_a_run(model, settings).at("decode_in"));
    EXPECT_TRUE(at::isfinite(results.back()).all().item<bool>());
  }
  EXPECT_GT(largest_difference(results[0], results[1]), 1e-3);
  EXPECT_GT(largest_difference(results[1], results[2]), 1e-6);
}

TEST(PaintViewGrid, BFloat16StaysNearFloat32) {
  const MultiviewModel model = tiny_model();
  const auto settings = tiny_settings();
  const at::Tensor full = seen_in_a_run(model, settings).at("step0/unet_out");
  for (const auto& parameter : model.unet->parameters()) {
    const_cast<at::Tensor&>(parameter).set_data(parameter.to(at::kBFloat16));
  }
  const at::Tensor half = seen_in_a_run(model, settings).at("step0/unet_out");
  EXPECT_LT((half - full).std().item<double>(), 0.03 * full.std().item<double>());
  EXPECT_GT(largest_difference(half, full), 0);
}

TEST(PaintViewGrid, ReportsEachStepAndStopsWithinOne) {
  const MultiviewModel model = tiny_model();
  Execution execution;
  const CancelToken token = execution.control.cancel;
  std::vector<double> reported;
  execution.control.progress = Progress([&](double fraction) {
    reported.push_back(fraction);
    if (reported.size() == 3) token.cancel();  // at the end of the first step
  });
  try {
    paint_view_grid(test_picture(), model, tiny_settings(), execution);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(reported.size(), 3u);
}

TEST(PaintViewGrid, ImpossibleSettingsAreRefused) {
  const MultiviewModel model = tiny_model();
  const auto refused = [&](const MultiviewSettings& settings) {
    try {
      paint_view_grid(test_picture(), model, settings, {});
    } catch (const Error& error) {
      return error.code() == ErrorCode::kInvalidSettings;
    }
    return false;
  };
  MultiviewSettings settings = tiny_settings();
  settings.view_size = 30;
  EXPECT_TRUE(refused(settings));
  settings = tiny_settings();
  settings.steps = 0;
  EXPECT_TRUE(refused(settings));
  for (const auto& parameter : model.unet->parameters()) {
    const_cast<at::Tensor&>(parameter).set_data(parameter.to(at::kHalf));
  }
  EXPECT_TRUE(refused(tiny_settings()));
}

TEST(MakeViews, GivesSixViewsWithTheirCameras) {
  Foreground foreground{Image(32, 32, 4, 0.5f), {}};
  const Views views = make_views(foreground, tiny_model(), tiny_settings(), {});
  EXPECT_EQ(views.pixels.sizes(), at::IntArrayRef({6, 3, 24, 24}));
  EXPECT_EQ(views.cameras.sizes(), at::IntArrayRef({6, 16}));
  EXPECT_GE(views.pixels.min().item<float>(), 0);
  EXPECT_LE(views.pixels.max().item<float>(), 1);
  EXPECT_FALSE(views.cameras[0].equal(views.cameras[1]));
}

}  // namespace
}  // namespace relievo
