// The model `compact` in the pipeline, with random weights.
#include <gmock/gmock.h>

#include "../expect_error.h"
#include "../multiview/tiny_folder.h"
#include "engine/pipeline.h"
#include "engine/stages.h"
#include "reconstruct/compact_file.h"
#include "tiny_pipeline.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// A folder of models, as long as it lives.
class WithModels {
 public:
  WithModels() { fs::create_directories(folder_); }
  ~WithModels() { fs::remove_all(folder_); }

  /// A network that is sure of itself and takes every camera to stand at this elevation.
  void write_compact(float elevation = 0) const {
    constexpr CompactConfig kSmall{.width = 24, .blocks = 1, .heads = 2, .channels = 8, .hidden = 16};
    CompactNetwork network(kSmall);
    at::manual_seed(6);
    initialise(network);
    {
      const at::NoGradGuard no_gradients;
      const auto parameters = network.named_parameters();
      parameters["elevation.weight"].zero_();
      parameters["elevation.bias"].fill_(elevation);
      parameters["layers.weight"].slice(0, 5, 7).zero_();
      parameters["layers.bias"][5].fill_(-9);  // before softplus
      parameters["layers.bias"][6].fill_(1);
    }
    save_network(folder_ / "compact" / "compact.safetensors", network);
    write_json(folder_ / "compact" / "compact.json", {{"model", to_json(kSmall)}});
  }

 private:
  const fs::path folder_ = fs::temp_directory_path() / ("relievo-compact-" + std::to_string(::getpid()));
  Variable models_{"RELIEVO_MODELS", folder_};
  Variable cache_{"XDG_CACHE_HOME", folder_ / "cache"};
};

GenerateRequest compact_request() {
  GenerateRequest request = tiny_request();
  request.settings.model = kCompactModel;
  request.settings.grid = 32;
  return request;
}

TEST(CompactModel, SaysClearlyThatItHasNoWeights) {
  const WithModels models;
  GenerateRequest request = compact_request();
  expect_error(ErrorCode::kModelMissing, "'compact' has no weights", [&] { complete_request(request); });
}

/// What an engine makes of the weights that lie there; null where it fails.
std::shared_ptr<const GenerateResult> made() {
  GenerateRequest request = compact_request();
  complete_request(request);
  Engine engine(tiny_options());
  const Job job = engine.submit(std::move(request));
  return job.wait(60) ? job.result() : nullptr;
}

TEST(CompactModel, WhatIsSeenFromAboveStandsUpright) {
  const WithModels models;
  models.write_compact();
  const auto level = made();
  models.write_compact(0.5f);
  const auto seen_from_above = made();
  ASSERT_TRUE(level && seen_from_above);
  const std::vector<Float3>&before = level->mesh.surface.vertices,
        &after = seen_from_above->mesh.surface.vertices;
  ASSERT_EQ(before.size(), after.size());
  // In the scene, whose -Y is towards the camera, the top goes back.
  const float c = std::cos(0.5f), s = std::sin(0.5f);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(after[i][0], before[i][0], 1e-4);
    EXPECT_NEAR(after[i][1], c * before[i][1] + s * before[i][2], 1e-2) << i;
    EXPECT_NEAR(after[i][2], -s * before[i][1] + c * before[i][2], 1e-2) << i;
  }
}

TEST(CompactModel, MeshesTheNetworksField) {
  const WithModels models;
  models.write_compact();
  const auto result = made();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->mesh.provenance.model, "compact");
  EXPECT_GT(result->mesh.surface.faces.size(), 100u);
  EXPECT_TRUE(result->mesh.report.watertight);
}

TEST(CompactModel, TakesNoViews) {
  const WithModels models;
  models.write_compact();
  EXPECT_FALSE(sees_views(kCompactModel));
}

}  // namespace
}  // namespace relievo
