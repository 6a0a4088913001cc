// The model cut into parts, and read in parts.
#include <future>
#include <set>
#include <thread>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../nn/together.h"
#include "../weights/samples.h"
#include "base/error.h"
#include "nn/tensors.h"
#include "reconstruct/load.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

LrmConfig small_config(LrmKind kind = LrmKind::kMesh) {
  LrmConfig config;
  config.kind = kind;
  config.encoder = {.width = 16, .heads = 2, .layers = 3, .mlp_width = 64, .patch = 8, .image = 16};
  config.transformer = {.width = 24,
                        .heads = 2,
                        .layers = 4,
                        .condition_width = 16,
                        .low_resolution = 4,
                        .high_resolution = 8,
                        .channels = 4};
  return config;
}

void fill_randomly(torch::nn::Module& network) {
  for (auto& parameter : network.parameters()) parameter.set_data(at::randn(parameter.sizes()) * 0.2);
}

std::shared_ptr<const Lrm> part_of(const Lrm& whole, const LrmConfig& config, int first, int last) {
  auto part = std::make_shared<Lrm>(config, first, last, PlanesHeads::kNo);
  const auto weights = whole.named_parameters();
  for (auto& item : part->named_parameters()) item.value().set_data(weights[item.key()]);
  return part;
}

Views random_views(int64_t side) { return {at::rand({3, 3, side, side}), at::randn({3, 16})}; }

TEST(LrmParts, TogetherHoldEachParameterOnce) {
  const LrmConfig config = small_config();
  std::set<std::string> names;
  size_t count = 0;
  const auto take = [&](const Lrm& part) {
    for (const auto& item : part.named_parameters()) names.insert(item.key());
    count += part.parameters().size();
  };
  for (int block = 0; block < Lrm::blocks(config); ++block)
    take(Lrm(config, block, block + 1, PlanesHeads::kNo));
  take(Lrm(config, 0, 0, PlanesHeads::kYes));
  EXPECT_EQ(names.size(), count);
  for (const auto& item : Lrm(config).named_parameters()) EXPECT_TRUE(names.contains(item.key()));
}

TEST(LrmParts, ThePublishedSizeIsCutIntoEqualShares) {
  const LrmConfig config = published_lrm("instant-mesh-large");
  const int blocks = Lrm::blocks(config);
  const auto numbers = [&](int first, int last) {
    int64_t count = 0;
    for (const at::Tensor& values : Lrm(config, first, last, PlanesHeads::kNo).parameters())
      count += values.numel();
    return static_cast<double>(count);
  };
  const double all = numbers(0, blocks);
  for (const int cut : {5, 12, 13, 20}) EXPECT_NEAR(numbers(0, cut), all * cut / blocks, 9e6) << cut;
}

TEST(LrmParts, MakeTheWholesPlanesToTheBit) {
  at::manual_seed(3);
  const LrmConfig config = small_config();
  const auto whole = std::make_shared<Lrm>(config);
  fill_randomly(*whole);
  // The size differs from the stored one, so that the position embedding is resampled.
  const Views views = random_views(24);
  const at::Tensor expected = reconstruct_planes(views, {.parts = {whole}}, {});
  EXPECT_EQ(expected.sizes(), at::IntArrayRef({3, 4, 8, 8}));
  const int blocks = Lrm::blocks(config);
  for (const std::vector<int>& cut :
       {std::vector<int>{1, blocks - 1}, {4, 3, blocks - 7}, {0, 9, 0, blocks - 9}}) {
    PlanesPlaces places;
    std::vector<size_t> visited;
    int first = 0;
    for (const int count : cut) {
      places.parts.push_back(count > 0 ? part_of(*whole, config, first, first + count) : nullptr);
      first += count;
    }
    places.on_worker = [&](size_t k, const std::function<void()>& body) {
      visited.push_back(k);
      std::thread(body).join();
    };
    EXPECT_TRUE(expected.equal(reconstruct_planes(views, places, {}))) << cut[0];
    EXPECT_TRUE(std::is_sorted(visited.begin(), visited.end()));
  }
}

TEST(Lrm, WorkersThatShareViewsAndTokensMakeTheSamePlanesToTheBit) {
  at::manual_seed(3);
  at::set_num_threads(1);
  set_parallel_threads(1);
  LrmConfig config = small_config();
  config.transformer.low_resolution = 8;
  config.transformer.high_resolution = 16;
  const auto whole = std::make_shared<Lrm>(config);
  fill_randomly(*whole);
  const Views views = random_views(24);  // three of them
  const at::Tensor expected = reconstruct_planes(views, {.parts = {whole}}, {});
  for (const std::vector<int>& shares :
       {std::vector<int>{1, 1}, {3, 1}, {1, 1, 1}, {1, 1, 1, 1}, {5, 1}, {1, 9}}) {
    PlanesPlaces places;
    places.parts.assign(shares.size(), whole);
    places.shares = shares;
    places.run_together = on_threads(shares.size());
    EXPECT_TRUE(expected.equal(reconstruct_planes(views, places, {}))) << shares[0] << ":" << shares[1];
  }
}

TEST(Lrm, IsCancelledAndFailsAsAWholeWhereWorkersShareIt) {
  const LrmConfig config = small_config();
  const auto whole = std::make_shared<Lrm>(config);
  fill_randomly(*whole);
  PlanesPlaces places;
  places.parts.assign(2, whole);
  places.shares = {1, 1};
  places.run_together = on_threads(2);
  Execution execution;
  execution.control.progress = Progress([&](double) { execution.control.cancel.cancel(); });
  EXPECT_EQ(refusal([&] { reconstruct_planes(random_views(16), places, execution); }).first,
            ErrorCode::kCancelled);
  EXPECT_EQ(refusal([&] { reconstruct_planes(random_views(17), places, {}); }).first,
            ErrorCode::kInvalidSettings);
}

TEST(LrmBatches, PlanesAreThoseOfEachPictureAlone) {
  at::manual_seed(5);
  const LrmConfig config = small_config();
  const auto whole = std::make_shared<Lrm>(config);
  fill_randomly(*whole);
  std::vector<Views> pictures;
  for (int i = 0; i < 4; ++i) pictures.push_back(random_views(24));
  for (size_t count = 1; count <= pictures.size(); ++count) {
    const auto made = reconstruct_batch(std::span(pictures).first(count), {.parts = {whole}}, {});
    ASSERT_EQ(made.size(), count);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_TRUE(made[i].equal(reconstruct_planes(pictures[i], {.parts = {whole}}, {})))
          << i << " of " << count;
    }
  }
}

/// Wherever the network is cut, and whenever it happens.
TEST(LrmBatches, ACancelledPictureLeavesTheOthersAsTheyAre) {
  at::manual_seed(5);
  const LrmConfig config = small_config();
  const auto whole = std::make_shared<Lrm>(config);
  fill_randomly(*whole);
  const std::vector<Views> pictures{random_views(24), random_views(24), random_views(24)};
  std::vector<at::Tensor> expected;
  for (const Views& views : pictures) expected.push_back(reconstruct_planes(views, {.parts = {whole}}, {}));
  const int blocks = Lrm::blocks(config);
  for (int cut = 1; cut < blocks; ++cut) {
    PlanesPlaces places{.parts = {part_of(*whole, config, 0, cut), part_of(*whole, config, cut, blocks)}};
    const std::vector<CancelToken> cancels(pictures.size());
    places.on_worker = [&](size_t k, const std::function<void()>& body) {
      if (k == 1) cancels[1].cancel();
      body();
    };
    const auto made = reconstruct_batch(pictures, places, {}, cancels);
    EXPECT_TRUE(made[0].equal(expected[0])) << cut;
    EXPECT_TRUE(made[2].equal(expected[2])) << cut;
    if (cut < blocks - 1) {
      EXPECT_FALSE(made[1].defined()) << cut;
    }
  }
}

TEST(LrmParts, HeadsAloneMakeTheField) {
  at::manual_seed(3);
  for (const LrmKind kind : {LrmKind::kMesh, LrmKind::kNerf}) {
    const LrmConfig config = small_config(kind);
    Lrm whole(config);
    fill_randomly(whole);
    Lrm heads(config, 0, 0, PlanesHeads::kYes);
    const auto weights = whole.named_parameters();
    for (auto& item : heads.named_parameters()) item.value().set_data(weights[item.key()]);
    const Views views = random_views(16);
    const auto expected = whole.reconstruct(views, {});
    const auto field = heads.field(
        reconstruct_planes(views, {.parts = {part_of(whole, config, 0, Lrm::blocks(config))}}, {}));
    const at::Tensor points = at::rand({50, 3}) * 2 - 1;
    EXPECT_TRUE(field->values(points).equal(expected->values(points)));
    EXPECT_TRUE(field->colours(points).equal(expected->colours(points)));
  }
}

TEST(LrmParts, StopBetweenLayersWhenCancelled) {
  const LrmConfig config = small_config();
  const auto whole = std::make_shared<Lrm>(config);
  fill_randomly(*whole);
  PlanesPlaces places{
      .parts = {part_of(*whole, config, 0, 5), part_of(*whole, config, 5, Lrm::blocks(config))}};
  Execution execution;
  int calls = 0;
  places.on_worker = [&](size_t, const std::function<void()>& body) {
    if (++calls == 2) execution.control.cancel.cancel();
    body();
  };
  try {
    reconstruct_planes(random_views(16), places, execution);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

/// A checkpoint with the published prefix and something foreign, as safetensors.
std::filesystem::path save(const Lrm& lrm, const Scratch& scratch) {
  std::map<std::string, TensorView, std::less<>> tensors;
  for (const auto& item : lrm.named_parameters()) {
    const at::Tensor& values = item.value();
    tensors["lrm_generator." + item.key()] = {
        DType::kFloat32,
        values.sizes().vec(),
        {static_cast<const std::byte*>(values.const_data_ptr()), static_cast<size_t>(values.nbytes())}};
  }
  tensors["lpips.weight"] = tensors.begin()->second;
  const std::filesystem::path path = scratch.folder() / "instant_mesh_base.ckpt";
  write_safetensors(path, tensors);
  scratch.write("config.json", R"({
    "dino": {"hidden": 16, "heads": 2, "layers": 3, "patch": 8, "image": 16},
    "params": {"transformer_dim": 24, "transformer_heads": 2, "transformer_layers": 4, "encoder_feat_dim": 16,
               "triplane_low_res": 4, "triplane_high_res": 8, "triplane_dim": 4}})");
  return path;
}

TEST(LrmFile, LoadsTheWholeAndParts) {
  at::manual_seed(9);
  Lrm lrm(small_config());
  fill_randomly(lrm);
  const Scratch scratch;
  const LrmFile file("instant-mesh-base", save(lrm, scratch));
  const auto expected = lrm.named_parameters();
  Execution half;
  half.dtype = at::kBFloat16;
  size_t count = 0;
  const auto whole = file.whole({});
  EXPECT_EQ(whole->parameters().size(), expected.size());
  for (const auto& part : {file.part(0, 6, PlanesHeads::kNo, half),
                           file.part(6, Lrm::blocks(file.config()), PlanesHeads::kNo, half),
                           file.part(0, 0, PlanesHeads::kYes, half)}) {
    for (const auto& item : part->named_parameters()) {
      EXPECT_TRUE(item.value().equal(expected[item.key()].to(at::kBFloat16))) << item.key();
      ++count;
    }
  }
  EXPECT_EQ(count, expected.size());
}

TEST(LrmFile, StreamsLayersWithTheSamePlanes) {
  at::manual_seed(9);
  Lrm lrm(small_config());
  fill_randomly(lrm);
  const Scratch scratch;
  const LrmFile file("instant-mesh-base", save(lrm, scratch));
  const int blocks = Lrm::blocks(file.config());
  Execution execution;
  const auto resident = file.part(0, blocks, PlanesHeads::kNo, execution);
  execution.streamed = std::make_shared<StreamedWeights>();
  const auto streamed = file.part(0, blocks, PlanesHeads::kNo, execution);
  const Views views = random_views(16);
  const at::Tensor expected = reconstruct_planes(views, {.parts = {resident}}, {});
  for (int pass = 0; pass < 2; ++pass) {
    execution.streamed->begin(
        [](std::function<void()> task) { return std::async(std::launch::async, std::move(task)); });
    EXPECT_TRUE(expected.equal(reconstruct_planes(views, {.parts = {streamed}}, {})));
    execution.streamed->end();
  }
}

TEST(LrmFile, RefusesAnotherModelsFileAndABadConfiguration) {
  Lrm lrm(small_config());
  fill_randomly(lrm);
  const Scratch scratch;
  const auto path = save(lrm, scratch);
  EXPECT_EQ(refusal([&] { LrmFile("instant-nerf-base", path).whole({}); }).first, ErrorCode::kModelMismatch);
  EXPECT_EQ(refusal([&] { LrmFile("instant-nerf-base", path).part(0, 3, PlanesHeads::kNo, {}); }).first,
            ErrorCode::kModelMismatch);
  scratch.write("config.json", R"({"dino": {}})");
  EXPECT_EQ(refusal([&] { LrmFile("instant-mesh-base", path); }).first, ErrorCode::kModelCorrupt);
  scratch.write("config.json", R"({
    "dino": {"hidden": 16, "heads": 0, "layers": 3, "patch": 8, "image": 16},
    "params": {"transformer_dim": 24, "transformer_heads": 2, "transformer_layers": 4, "encoder_feat_dim": 16,
               "triplane_low_res": 4, "triplane_high_res": 8, "triplane_dim": 4}})");
  EXPECT_EQ(refusal([&] { LrmFile("instant-mesh-base", path); }).first, ErrorCode::kModelCorrupt);
}

TEST(ViewsForReconstruction, AreSixOrTheFourOfInstantMesh) {
  Views views{at::rand({6, 3, 32, 32}), at::zeros({6, 16})};
  for (int64_t i = 0; i < 6; ++i) views.cameras[i].fill_(i);
  EXPECT_TRUE(views_for_reconstruction(views, 6, 32).pixels.equal(views.pixels));
  const Views four = views_for_reconstruction(views, 4, 16);
  EXPECT_EQ(four.pixels.sizes(), at::IntArrayRef({4, 3, 16, 16}));
  EXPECT_TRUE(four.cameras.select(1, 0).equal(at::tensor({0.0f, 2.0f, 4.0f, 5.0f})));
  EXPECT_GE(four.pixels.min().item<float>(), 0);
  EXPECT_LE(four.pixels.max().item<float>(), 1);
  EXPECT_EQ(refusal([&] { views_for_reconstruction(views, 5, 32); }).first, ErrorCode::kInvalidSettings);
}

}  // namespace
}  // namespace relievo
