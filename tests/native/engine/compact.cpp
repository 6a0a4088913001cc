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

  void write_compact() const {
    constexpr CompactConfig kSmall{.width = 24, .blocks = 1, .heads = 2, .channels = 8, .hidden = 16};
    CompactNetwork network(kSmall);
    at::manual_seed(6);
    initialise(network);
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

TEST(CompactModel, MeshesTheNetworksField) {
  const WithModels models;
  models.write_compact();
  GenerateRequest request = compact_request();
  complete_request(request);
  Engine engine(tiny_options());
  const Job job = engine.submit(std::move(request));
  ASSERT_TRUE(job.wait(60));
  const auto result = job.result();
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
