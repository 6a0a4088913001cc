// One picture and seed, many ways to make it: the same mesh.
#include <cmath>

#include <gmock/gmock.h>

#include "tiny_pipeline.h"

namespace relievo {
namespace {

using SameMesh = TinyPipelineTest;

std::vector<GroupKind> kinds_of(const Plan& plan) {
  std::vector<GroupKind> kinds;
  for (const DeviceGroup& group : plan.groups) kinds.push_back(group.kind);
  return kinds;
}

TEST_F(SameMesh, TheTinyPipelineMakesSoundMeshesThatDiffer) {
  const Made made = TinyPipeline(1, Strategy::kSingle, Until::kMesh).make_one({tiny_request()});
  ASSERT_FALSE(made.error) << made.error->what();
  EXPECT_TRUE(made.result->mesh.report.watertight);
  EXPECT_GT(made.result->mesh.surface.faces.size(), 300u);
  EXPECT_EQ(made.result->mesh.vertex_colours.size(), made.result->mesh.surface.vertices.size());
  EXPECT_FALSE(same(reference(0, 7), reference(0, 8))) << "the seed must matter";
  EXPECT_FALSE(same(reference(0, 7), reference(1, 7))) << "the picture must matter";
}

TEST_F(SameMesh, ToTheBitOnOneWorkerOnSeveralAndInAPipeline) {
  const std::tuple<Strategy, Until, std::vector<GroupKind>> cases[] = {
      {Strategy::kSingle, Until::kSurface, {GroupKind::kReplica}},
      {Strategy::kOffload, Until::kSurface, {GroupKind::kReplica, GroupKind::kReplica}},
      {Strategy::kData, Until::kMesh, {GroupKind::kReplica, GroupKind::kReplica}},
      {Strategy::kStage, Until::kMesh, {GroupKind::kPipeline}}};
  for (const auto& [strategy, until, kinds] : cases) {
    SCOPED_TRACE(static_cast<int>(strategy));
    TinyPipeline pipeline(2, strategy, until);
    std::mutex mutex;
    std::set<std::string> workers;
    pipeline.watch = [&](const std::string&, Moment, const Worker& worker) {
      const std::lock_guard lock(mutex);
      workers.insert(worker.name);
    };
    const auto made = pipeline.make({{tiny_request(0)}, {tiny_request(1)}});
    EXPECT_EQ(kinds_of(pipeline.plan), kinds);
    for (const DeviceGroup& group : pipeline.plan.groups) EXPECT_EQ(group.batch, 1);
    EXPECT_EQ(workers.size(), strategy == Strategy::kSingle ? 1u : 2u);
    for (const Made& one : made) ASSERT_FALSE(one.error) << one.error->what();
    EXPECT_TRUE(same(made[0].bits(), reference(0, 7, until)));
    EXPECT_TRUE(same(made[1].bits(), reference(1, 7, until)));
  }
}

std::vector<TinyPicture> pictures_of(const std::vector<int>& kinds) {
  std::vector<TinyPicture> pictures;
  for (const int kind : kinds) pictures.push_back({tiny_request(kind)});
  return pictures;
}

TEST_F(SameMesh, WhateverIsBesideIt) {
  TinyPipeline pipeline(2, Strategy::kData);
  for (const std::vector<int>& kinds : {std::vector<int>{2, 0, 1}, {0}, {1, 1, 2, 0}}) {
    const auto made = pipeline.make(pictures_of(kinds));
    for (size_t i = 0; i < kinds.size(); ++i) {
      ASSERT_FALSE(made[i].error) << made[i].error->what();
      EXPECT_TRUE(same(made[i].bits(), reference(kinds[i])));
    }
  }
}

TEST_F(SameMesh, InWhateverOrderABatchHasThem) {
  TinyPipeline pipeline(1, Strategy::kSingle);
  pipeline.adapt = [](Plan& plan) { plan.groups.at(0).batch = 2; };
  std::atomic<int> calls = 0;
  pipeline.watch = [&](const std::string&, Moment moment, const Worker&) {
    calls += moment == Moment::kStart;
  };
  const auto one_way = pipeline.make(pictures_of({0, 1}));
  EXPECT_EQ(calls, static_cast<int>(pipeline.stage_names().size())) << "both in one call of every stage";
  const auto other_way = pipeline.make(pictures_of({1, 0}));
  for (const size_t i : {0, 1}) {
    ASSERT_FALSE(one_way[i].error) << one_way[i].error->what();
    ASSERT_FALSE(other_way[i].error) << other_way[i].error->what();
    EXPECT_TRUE(same(one_way[i].bits(), other_way[1 - i].bits()));
  }
}

TEST_F(SameMesh, ToTheBitInBatchesOfAnySize) {
  for (const char* precision : {"fp32", "bf16"}) {
    std::vector<TinyPicture> pictures = pictures_of({0, 1, 2});
    for (TinyPicture& picture : pictures) picture.request.settings.precision = precision;
    std::vector<std::vector<MeshBits>> all;
    for (const int batch : {1, 2, 3}) {
      TinyPipeline pipeline(1, Strategy::kSingle);
      pipeline.adapt = [&](Plan& plan) { plan.groups.at(0).batch = batch; };
      all.emplace_back();
      for (const Made& one : pipeline.make(pictures)) {
        ASSERT_FALSE(one.error) << one.error->what();
        all.back().push_back(one.bits());
      }
      for (size_t i = 0; i < pictures.size(); ++i)
        EXPECT_TRUE(same(all.back()[i], all.front()[i])) << precision << " " << batch << " " << i;
    }
  }
}

/// The furthest that a vertex of one lies from the nearest of the other.
double distance(const std::vector<Float3>& from, const std::vector<Float3>& to) {
  double furthest = 0;
  for (const Float3& a : from) {
    double nearest = 1e9;
    for (const Float3& b : to) {
      nearest = std::min<double>(nearest, std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]));
    }
    furthest = std::max(furthest, nearest);
  }
  return furthest;
}

/// The modes that the plan allows, as the executor would take them.
TEST_F(SameMesh, EveryFallbackRunsAndSaysWhatItChanged) {
  const std::pair<Fallbacks, const char*> all[] = {
      {{.chunked = true}, "smaller chunks"},
      {{.chunked = true, .tiled = true}, "smaller strips"},
      {{.chunked = true, .tiled = true, .streamed = true}, "layer by layer"},
      {{.chunked = true, .tiled = true, .half_precision = true}, "half precision"},
      {{true, true, true, true}, "views of 96 instead of 128 pixels"}};
  const MeshBits& full = reference();
  for (const auto& [fallbacks, words] : all) {
    SCOPED_TRACE(words);
    TinyPipeline pipeline(1, Strategy::kSingle, Until::kSurface, true);
    pipeline.adapt = [&, fallbacks = fallbacks](Plan& plan) { pipeline.force(plan.groups.at(0), fallbacks); };
    GenerateRequest request = tiny_request();
    request.settings.input_size = 128;  // the views can be made smaller
    TinyPipeline in_full(1);
    const MeshBits expected = fallbacks.smaller_input ? in_full.make_one({request}).bits() : full;
    const Made made = pipeline.make_one({fallbacks.smaller_input ? request : tiny_request()});
    ASSERT_FALSE(made.error) << made.error->what();
    EXPECT_TRUE(std::ranges::any_of(
        made.notes, [&](const std::string& note) { return note.find(words) != std::string::npos; }));
    const bool says_that_it_differs = std::ranges::any_of(
        made.notes, [](const std::string& note) { return note.find("differs") != std::string::npos; });
    EXPECT_EQ(says_that_it_differs, fallbacks.change_result());
    const double moved = distance(made.bits().vertices, expected.vertices);
    constexpr double kCell = 2.0 / 20;
    if (fallbacks.change_result()) {
      EXPECT_FALSE(same(made.bits(), expected));
      EXPECT_LT(moved, 3 * kCell);
    } else {
      EXPECT_LT(moved, 0.01 * kCell);
    }
  }
}

/// The halves of guidance go through the network one by one instead of in one batch, and torch multiplies
/// matrices of another size in another order: latents differ by rounding, some thousand times float32's. The
/// views are rounded to 8 bits, so that now and then a texel differs by one; the surface then moves by far
/// less than a hundredth of a cell.
TEST_F(SameMesh, NearlyWhenWorkersShareThePicture) {
  constexpr double kLatents = 1e-4, kSurface = 0.01 * 2 / 20;
  at::Tensor latents, expected;
  const auto record = [](at::Tensor& into) {
    return [&into](const std::string& stage, const std::vector<std::any>& outputs) {
      if (stage == "diffusion")
        into = std::get<DenoisedPicture>(std::any_cast<const PictureWork&>(outputs[0]).made).latents;
    };
  };
  TinyPipeline alone(1);
  alone.outputs = record(expected);
  ASSERT_FALSE(alone.make_one({tiny_request()}).error);

  const std::pair<Strategy, GroupKind> cases[] = {{Strategy::kGuidance, GroupKind::kShardedPictures},
                                                  {Strategy::kSplit, GroupKind::kShardedLayers}};
  for (const auto& [strategy, kind] : cases) {
    SCOPED_TRACE(static_cast<int>(strategy));
    TinyPipeline pipeline(2, strategy);
    pipeline.outputs = record(latents);
    std::mutex mutex;
    std::map<std::string, std::set<std::string>> inside;  // workers by stage
    pipeline.watch = [&](const std::string& stage, Moment moment, const Worker& worker) {
      const std::lock_guard lock(mutex);
      if (moment == Moment::kInside) inside[stage].insert(worker.name);
    };
    const Made made = pipeline.make_one({tiny_request()});
    ASSERT_FALSE(made.error) << made.error->what();
    EXPECT_EQ(kinds_of(pipeline.plan), std::vector<GroupKind>{kind});
    EXPECT_EQ(inside["diffusion"].size(), 2u);
    if (kind == GroupKind::kShardedLayers) {
      EXPECT_EQ(inside["reconstruct"].size(), 2u);
    }
    const double scale = expected.abs().max().item<double>();
    EXPECT_LT(largest_difference(latents, expected) / scale, kLatents);
    EXPECT_LT(distance(made.bits().vertices, reference().vertices), kSurface);
    EXPECT_LT(distance(reference().vertices, made.bits().vertices), kSurface);
  }
}

/// Does the same through the engine, from the words that people type to the sentences that they read.
TEST_F(SameMesh, ToTheBitThroughTheEngine) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"cpu@3GiB", "single", "makes whole pictures"},
      {"cpu*2@3GiB", "data", "2 device groups take pictures from one queue"},
      {"cpu*2@3GiB", "stage", "overlap pictures"}};
  std::vector<std::vector<MeshBits>> all;
  for (const auto& [devices, strategy, words] : cases) {
    SCOPED_TRACE(strategy);
    const int threads = std::string(devices).starts_with("cpu*2") ? 2 : 1;
    Engine engine(tiny_options(devices, threads, strategy));
    engine.pause();
    std::vector<Job> jobs;
    for (const int kind : {0, 1}) {
      GenerateRequest request = tiny_request(kind);
      request.settings.precision = "bf16";
      jobs.push_back(engine.submit(std::move(request)));
    }
    engine.resume();
    std::vector<MeshBits> made;
    for (const Job& job : jobs) {
      ASSERT_TRUE(job.wait(120));
      ASSERT_NE(job.result(), nullptr) << job.error()->what();
      EXPECT_THAT(job.result()->plan, testing::HasSubstr(words));
      made.emplace_back(job.result()->mesh);
    }
    EXPECT_FALSE(same(made[0], made[1]));
    all.push_back(std::move(made));
  }
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_TRUE(same(all[i][0], all[0][0]));
    EXPECT_TRUE(same(all[i][1], all[0][1]));
  }
}

}  // namespace
}  // namespace relievo
