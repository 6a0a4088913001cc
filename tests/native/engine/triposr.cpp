// The model TripoSR in the pipeline: the fixtures' tiny one, whose networks are compared with the published
// ones by tests/native/verify/golden.cpp.
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "../expect_error.h"
#include "../test_data.h"
#include "engine/costs.h"
#include "engine/pipeline_stage.h"
#include "reconstruct/load.h"
#include "reconstruct/triposr_picture.h"
#include "runtime/machine/workers.h"
#include "surface/clean_surface.h"
#include "surface/surface.h"
#include "tiny_pipeline.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kModel = "triposr";

/// A folder of models with the fixtures' TripoSR alone, as long as it lives.
class WithTinyTripoSr {
 public:
  WithTinyTripoSr() {
    const fs::path fixture = test_data() / "golden/triposr_end_to_end";
    fs::create_directories(file().parent_path());
    fs::copy_file(fixture / "model.ckpt", file(), fs::copy_options::overwrite_existing);
    const json facts = json::parse(std::ifstream(fixture / "config.json"));
    json config = facts.at("system");
    config["vit"] = facts.at("vit");
    std::ofstream(file().parent_path() / "config.json") << config;
  }
  ~WithTinyTripoSr() { fs::remove_all(folder_); }

  fs::path file() const { return folder_ / kModel / "model.ckpt"; }

 private:
  const fs::path folder_ = fs::temp_directory_path() / ("relievo-triposr-" + std::to_string(::getpid()));
  Variable models_{"RELIEVO_MODELS", folder_};
  Variable cache_{"XDG_CACHE_HOME", folder_ / "cache"};
};

GenerateRequest triposr_request() {
  GenerateRequest request = tiny_request();
  request.settings.model = kModel;
  request.settings.grid = 16;
  request.settings.debris = 0;
  return request;
}

TinyPipeline pipeline(int workers, Strategy strategy, Until until = Until::kSurface) {
  return TinyPipeline(workers, strategy, until, /*allow_lossy=*/false, kModel);
}

class TripoSrPipeline : public testing::Test {
 protected:
  WithTinyTripoSr models_;
};

TEST_F(TripoSrPipeline, MeshesWhatTheNetworkMakesOfTheForeground) {
  TinyPipeline one = pipeline(1, Strategy::kSingle);
  EXPECT_EQ(one.stage_names(),
            (std::vector<std::string>{"foreground", "reconstruct", "surface", "simplify"}));
  std::shared_ptr<const Foreground> foreground;
  one.outputs = [&](const std::string& stage, const std::vector<std::any>& outputs) {
    if (stage != "foreground") return;
    foreground = std::get<CutPicture>(std::any_cast<const PictureWork&>(outputs.at(0)).made).foreground;
  };
  const Made made = one.make_one({triposr_request()});
  ASSERT_FALSE(made.error) << made.error->what();

  const at::NoGradGuard no_grad;
  const TripoSrFile file(models_.file());
  const std::shared_ptr<const TripoSr> whole = file.whole({});
  const ByteImage rgb = over_grey(to_bytes(foreground->image));
  const at::Tensor planes =
      reconstruct_planes({triposr_picture(rgb, file.config().picture_side), {}}, {.parts = {whole}}, {});
  // The published grid of a density is twice as fine as a distance's.
  const Surface expected =
      clean_surface(extract_surface(*whole->field(planes), {.grid = 32}, {}), {.smallest_share = 0}, {});
  ASSERT_GT(expected.faces.size(), 1000u);
  EXPECT_TRUE(same(made.bits(), MeshBits(expected)));
}

TEST_F(TripoSrPipeline, MakesAWatertightTexturedObject) {
  const Made made = pipeline(1, Strategy::kSingle, Until::kMesh).make_one({triposr_request()});
  ASSERT_FALSE(made.error) << made.error->what();
  const TexturedMesh& mesh = made.result->mesh;
  EXPECT_TRUE(mesh.report.watertight && mesh.report.manifold);
  EXPECT_EQ(mesh.provenance.model, kModel);
  EXPECT_EQ(mesh.corner_uv.size(), mesh.surface.faces.size());
  EXPECT_GT(*std::ranges::max_element(mesh.albedo.pixels), *std::ranges::min_element(mesh.albedo.pixels));
}

TEST_F(TripoSrPipeline, MakesTheSameOnAnyNumberOfWorkers) {
  const GenerateRequest request = triposr_request();
  const MeshBits expected = pipeline(1, Strategy::kSingle).make_one({request}).bits();
  for (const auto& [workers, strategy] : {std::pair{2, Strategy::kSplit},
                                          {3, Strategy::kSplit},
                                          {2, Strategy::kData},
                                          {2, Strategy::kStage},
                                          {1, Strategy::kOffload}}) {
    for (const Made& made : pipeline(workers, strategy).make({{request}, {request}})) {
      ASSERT_FALSE(made.error) << made.error->what();
      EXPECT_TRUE(same(made.bits(), expected)) << workers;
    }
  }
}

TEST_F(TripoSrPipeline, ComputesInHalfPrecisionWhereAskedTo) {
  GenerateRequest request = triposr_request();
  const Made exact = pipeline(1, Strategy::kSingle).make_one({request});
  request.settings.precision = "bf16";
  const Made half = pipeline(1, Strategy::kSingle).make_one({request});
  ASSERT_FALSE(half.error) << half.error->what();
  EXPECT_FALSE(same(half.bits(), exact.bits()));
  const double area = inspect_surface(*exact.surface).area;
  EXPECT_NEAR(inspect_surface(*half.surface).area / area, 1, 0.1);
}

TEST_F(TripoSrPipeline, ViewsAreRefusedAndPaintedOnesAreNotAskedFor) {
  GenerateRequest request = triposr_request();
  complete_request(request);  // Zero123++ is not there
  request.settings.views = {{.picture = "grid.png"}};
  expect_error(ErrorCode::kInvalidSettings, "The model 'triposr' takes no views.",
               [&] { complete_request(request); });
}

TEST(TripoSrCosts, AreKnownWithoutTheModel) {
  Settings settings;
  settings.model = kModel;
  const std::vector<Worker> gpus = parse_imaginary_workers("2x24GiB");
  const auto profiles = stage_profiles(settings, gpus);
  std::vector<std::string> names;
  for (const StageProfile& profile : profiles) names.push_back(profile.name);
  EXPECT_EQ(names, (std::vector<std::string>{"foreground", "reconstruct", "surface", "simplify", "texture"}));
  const StageProfile& reconstruct = profiles.at(1);
  EXPECT_EQ(reconstruct.blocks, 25);
  // 419 million parameters, less the pooler's half million, in two bytes each.
  EXPECT_NEAR(static_cast<double>(reconstruct.modes.front().weight_bytes) / (2 * 418.7e6), 1, 0.01);

  Worker cpu;
  cpu.budget_bytes = int64_t{8} << 30;
  settings.precision = "fp32";
  std::vector<Worker> slow{cpu};
  const auto on_cpu = stage_profiles(settings, slow).at(1).modes;
  // Twice a multiplication: 16 blocks of 3072 tokens and 1024 channels take 2.74e12 operations, a ViT-B of
  // 1025 tokens 0.21e12. Half precision is what is left where float32 has no room.
  EXPECT_NEAR(on_cpu.front().time(1, cpu) / seconds_of(2.95e12, "fp32"), 1, 0.05);
  EXPECT_EQ(on_cpu.back().execution.precision, "bf16");
}

}  // namespace
}  // namespace relievo
