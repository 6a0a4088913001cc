// TripoSR's parameters, its parts, its files and its field; what it computes is compared with the published
// implementation by the fixtures (tests/native/verify/golden.cpp).
#include "reconstruct/triposr.h"

#include <fstream>
#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../nn/together.h"
#include "../published_parameters.h"
#include "../test_data.h"
#include "../weights/samples.h"
#include "base/error.h"
#include "nn/tensors.h"
#include "reconstruct/load.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The sizes are those of the fixture triposr_end_to_end, except for a position embedding that is resampled.
TripoSrConfig small_config() {
  TripoSrConfig config;
  config.encoder = {.width = 48,
                    .heads = 4,
                    .layers = 2,
                    .mlp_width = 192,
                    .patch = 8,
                    .image = 40,
                    .knows_cameras = false};
  config.transformer = {.channels = 64,
                        .heads = 4,
                        .head_width = 16,
                        .layers = 2,
                        .condition_width = 48,
                        .plane_side = 8,
                        .plane_channels = 8};
  config.head_width = 24;
  config.head_layers = 4;
  config.picture_side = 64;
  return config;
}

std::shared_ptr<TripoSr> random_model(const TripoSrConfig& config) {
  at::manual_seed(8);
  auto model = std::make_shared<TripoSr>(config);
  for (auto& parameter : model->parameters()) parameter.set_data(at::randn(parameter.sizes()) * 0.2);
  return model;
}

std::shared_ptr<const TripoSr> part_of(const TripoSr& whole, const TripoSrConfig& config, int first, int last,
                                       PlanesHeads heads = PlanesHeads::kNo) {
  auto part = std::make_shared<TripoSr>(config, first, last, heads);
  const auto weights = whole.named_parameters();
  for (auto& item : part->named_parameters()) item.value().set_data(weights[item.key()]);
  return part;
}

Views random_picture() { return {at::rand({1, 3, 64, 64}), {}}; }

TEST(TripoSr, ParameterListOfTheFullSizeIsThePublishedOne) {
  const json counts = published_counts("triposr_counts.json.gz").at("triposr");
  expect_published(TripoSr(TripoSrConfig()), counts);
  std::vector<std::string> unused(std::begin(kTripoSrUnused), std::end(kTripoSrUnused));
  EXPECT_EQ(counts.at("unused").get<std::vector<std::string>>(), unused);
}

TEST(TripoSr, SizesLeftAloneAreThePublishedOnes) {
  json published = published_counts("triposr_counts.json.gz").at("triposr").at("config");
  const json vit = published_counts("triposr_counts.json.gz").at("triposr").at("vit");
  published["vit"] = {{"hidden", vit.at("hidden_size")},
                      {"heads", vit.at("num_attention_heads")},
                      {"layers", vit.at("num_hidden_layers")},
                      {"patch", vit.at("patch_size")},
                      {"image", vit.at("image_size")}};
  const TripoSrConfig theirs = triposr_config(published), ours;
  EXPECT_EQ(ours.encoder.heads, theirs.encoder.heads);
  EXPECT_EQ(ours.transformer.heads, theirs.transformer.heads);
  EXPECT_EQ(ours.transformer.groups, theirs.transformer.groups);
  EXPECT_EQ(ours.picture_side, theirs.picture_side);
  EXPECT_DOUBLE_EQ(published.at("renderer").at("radius"), kTripoSrRadius);
  // All other sizes show in the parameters' shapes.
  json shapes[2];
  for (const auto& item : TripoSr(ours).named_parameters())
    shapes[0][item.key()] = item.value().sizes().vec();
  for (const auto& item : TripoSr(theirs).named_parameters())
    shapes[1][item.key()] = item.value().sizes().vec();
  EXPECT_EQ(shapes[0], shapes[1]);
}

TEST(TripoSrParts, TogetherHoldEachParameterOnce) {
  const TripoSrConfig config = small_config();
  std::set<std::string> names;
  size_t count = 0;
  const auto take = [&](const TripoSr& part) {
    for (const auto& item : part.named_parameters()) names.insert(item.key());
    count += part.parameters().size();
  };
  for (int block = 0; block < TripoSr::blocks(config); ++block) {
    take(TripoSr(config, block, block + 1, PlanesHeads::kNo));
  }
  take(TripoSr(config, 0, 0, PlanesHeads::kYes));
  EXPECT_EQ(names.size(), count);
  EXPECT_EQ(TripoSr(config).parameters().size(), count);
}

TEST(TripoSrParts, MakeTheWholesPlanesToTheBit) {
  const TripoSrConfig config = small_config();
  const auto whole = random_model(config);
  const Views picture = random_picture();
  const at::Tensor expected = reconstruct_planes(picture, {.parts = {whole}}, {});
  EXPECT_EQ(expected.sizes(), at::IntArrayRef({3, 8, 16, 16}));
  EXPECT_GT(expected.abs().max().item<float>(), 0);
  const int blocks = TripoSr::blocks(config);
  // Cut in the encoder, where the learnt tokens wait for the end, and before the upsampling.
  for (int cut = 1; cut < blocks; ++cut) {
    const PlanesPlaces places{
        .parts = {part_of(*whole, config, 0, cut), nullptr, part_of(*whole, config, cut, blocks)}};
    EXPECT_TRUE(expected.equal(reconstruct_planes(picture, places, {}))) << cut;
  }
}

TEST(TripoSr, WorkersThatShareTheTokensMakeTheSamePlanesToTheBit) {
  const auto whole = random_model(small_config());
  const Views picture = random_picture();
  at::set_num_threads(1);
  set_parallel_threads(1);
  const at::Tensor expected = reconstruct_planes(picture, {.parts = {whole}}, {});
  for (const std::vector<int>& shares : {std::vector<int>{1, 1}, {3, 1}, {1, 1, 1}}) {
    PlanesPlaces places;
    places.parts.assign(shares.size(), whole);
    places.shares = shares;
    places.run_together = on_threads(shares.size());
    EXPECT_TRUE(expected.equal(reconstruct_planes(picture, places, {}))) << shares.size();
  }
}

TEST(TripoSrBatches, PlanesAreThoseOfEachPictureAloneAlsoBesideACancelledOne) {
  const TripoSrConfig config = small_config();
  const auto whole = random_model(config);
  const std::vector<Views> pictures{random_picture(), random_picture(), random_picture()};
  std::vector<at::Tensor> expected;
  for (const Views& picture : pictures)
    expected.push_back(reconstruct_planes(picture, {.parts = {whole}}, {}));
  const auto together = reconstruct_batch(pictures, {.parts = {whole}}, {});
  for (size_t i = 0; i < pictures.size(); ++i) EXPECT_TRUE(together[i].equal(expected[i])) << i;
  const int blocks = TripoSr::blocks(config);
  for (int cut = 1; cut < blocks; ++cut) {
    PlanesPlaces places{.parts = {part_of(*whole, config, 0, cut), part_of(*whole, config, cut, blocks)}};
    const std::vector<CancelToken> cancels(pictures.size());
    places.on_worker = [&](size_t k, const std::function<void()>& body) {
      if (k == 1) cancels[0].cancel();
      body();
    };
    const auto made = reconstruct_batch(pictures, places, {}, cancels);
    EXPECT_TRUE(made[1].equal(expected[1])) << cut;
    EXPECT_TRUE(made[2].equal(expected[2])) << cut;
  }
}

TEST(TripoSrParts, TheHeadAloneMakesTheField) {
  const TripoSrConfig config = small_config();
  const auto whole = random_model(config);
  const at::Tensor planes = reconstruct_planes(random_picture(), {.parts = {whole}}, {});
  const auto expected = whole->field(planes),
             field = part_of(*whole, config, 0, 0, PlanesHeads::kYes)->field(planes);
  const at::Tensor points = at::rand({50, 3}) * 2 - 1;
  EXPECT_EQ(field->kind(), FieldKind::kDensity);
  EXPECT_TRUE(field->values(points).equal(expected->values(points)));
  EXPECT_TRUE(field->colours(points).equal(expected->colours(points)));
}

TEST(TripoSr, StopsBetweenLayersWhenCancelled) {
  const auto model = random_model(small_config());
  Execution execution;
  const CancelToken token = execution.control.cancel;
  execution.control.progress = Progress([&](double) { token.cancel(); });
  EXPECT_EQ(refusal([&] { reconstruct_planes(random_picture(), {.parts = {model}}, execution); }).first,
            ErrorCode::kCancelled);
}

TEST(TripoSr, GroupsOfTokensAreNormalisedOverAllPlanes) {
  // A constant added to one group of channels of all planes is normalised away; to one plane alone it is not.
  TripoSrTransformerConfig config = small_config().transformer;
  config.layers = 0;
  Group parent;
  const TripoSrTransformer transformer(parent, config, 0, 1);
  at::manual_seed(2);
  for (auto& parameter : parent.parameters()) parameter.set_data(at::randn(parameter.sizes()));
  at::Tensor learnt = parent.named_parameters()["tokenizer.embeddings"];
  const auto led_in = [&] {
    const at::NoGradGuard no_grad;
    at::Tensor tokens, residual, seen = at::zeros({1, 5, 48});
    transformer.advance(tokens, residual, seen);
    return tokens;
  };
  const at::Tensor before = led_in();
  const int64_t per_group = config.channels / config.groups;
  learnt.slice(1, 0, per_group).add_(3);
  EXPECT_LT((led_in() - before).abs().max().item<float>(), 1e-3);
  learnt.select(0, 1).slice(0, 0, per_group).add_(3);
  EXPECT_GT((led_in() - before).abs().max().item<float>(), 0.1);
}

TEST(TripoSrField, DensitiesAreFiniteWhateverTheHeadGives) {
  auto head = std::make_shared<DensityHeads>(DensityHeadConfig{DensityModel::kTripoSr, 4, 8, 2});
  for (auto& parameter : head->parameters()) parameter.set_data(at::full(parameter.sizes(), 50.0f));
  const TriplaneDensityField field(at::ones({3, 4, 8, 8}), head);
  const at::Tensor values = field.values(at::zeros({2, 3}));
  EXPECT_TRUE(values.isfinite().all().item<bool>());
  EXPECT_GT(values.min().item<float>(), 1e30);
}

/// A fixture's checkpoint in the published container, with its architecture beside it.
fs::path tiny_checkpoint(const Scratch& scratch) {
  const fs::path fixture = test_data() / "golden/triposr_end_to_end", path = scratch.folder() / "model.ckpt";
  fs::copy_file(fixture / "model.ckpt", path);
  const json facts = json::parse(std::ifstream(fixture / "config.json"));
  json config = facts.at("system");
  config["vit"] = facts.at("vit");
  scratch.write("config.json", config.dump());
  return path;
}

TEST(TripoSrFile, LoadsTheWholeAndPartsOfThePublishedContainer) {
  const Scratch scratch;
  const TripoSrFile file(tiny_checkpoint(scratch));
  const auto whole = file.whole({});
  const auto expected = whole->named_parameters();
  Execution half;
  half.dtype = at::kBFloat16;
  size_t count = 0;
  const int blocks = TripoSr::blocks(file.config());
  for (const auto& part :
       {file.part(0, 4, PlanesHeads::kNo, half), file.part(4, blocks, PlanesHeads::kNo, half),
        file.part(0, 0, PlanesHeads::kYes, half)}) {
    for (const auto& item : part->named_parameters()) {
      EXPECT_TRUE(item.value().equal(expected[item.key()].to(at::kBFloat16))) << item.key();
      ++count;
    }
  }
  EXPECT_EQ(count, expected.size());
  EXPECT_EQ(count, 97u);  // the published container's 99, without the pooler's two
}

TEST(TripoSrFile, RefusesWhatLacksATensorAndABadConfiguration) {
  const Scratch scratch;
  const fs::path path = tiny_checkpoint(scratch);
  const TensorFile file = read_weights(path);
  auto tensors = file.tensors;
  tensors.erase("backbone.proj_out.bias");
  write_safetensors(path, tensors);
  const auto [code, message] = refusal([&] { TripoSrFile(path).whole({}); });
  EXPECT_EQ(code, ErrorCode::kModelMismatch);
  EXPECT_NE(message.find("backbone.proj_out.bias"), std::string::npos) << message;
  tensors = file.tensors;
  tensors["backbone.proj_out.bias2"] = tensors.at("backbone.proj_out.bias");
  write_safetensors(path, tensors);
  EXPECT_EQ(refusal([&] { TripoSrFile(path).part(0, 1, PlanesHeads::kNo, {}); }).first,
            ErrorCode::kModelMismatch);
  json config = json::parse(std::ifstream(scratch.folder() / "config.json"));
  config["tokenizer"]["num_channels"] = 40;  // not 32 groups
  scratch.write("config.json", config.dump());
  EXPECT_EQ(refusal([&] { TripoSrFile{path}; }).first, ErrorCode::kModelCorrupt);
  scratch.write("config.json", "[]");
  EXPECT_EQ(refusal([&] { TripoSrFile{path}; }).first, ErrorCode::kModelCorrupt);
}

}  // namespace
}  // namespace relievo
