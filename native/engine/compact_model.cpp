// The model `compact`: the compact network's corrections of the foreground's inflation, on the CPU.
#include <algorithm>

#include <fmt/format.h>

#include "engine/field_source.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "reconstruct/compact_field.h"
#include "reconstruct/compact_file.h"
#include "surface/grid.h"
#include "weights/catalogue.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

class CompactStage : public StageOf<CutPicture, ShapedPicture> {
 public:
  explicit CompactStage(fs::path embedded_models)
      : StageOf("reconstruct", "reconstruct"), embedded_models_(std::move(embedded_models)) {}

  void load(const StageLoad& load) override {
    networks_.set(load.worker, load_compact(compact_weights(embedded_models_)));
  }
  void unload(const Worker& worker) override { networks_.erase(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& /*workers*/) const override {
    constexpr int64_t kMiB = 1 << 20;
    const double side = std::clamp(settings.texture_size, 512, 4096);  // side of the foreground
    StageMode mode;
    mode.weight_bytes = 20 * kMiB;
    mode.workspace_bytes = 96 * kMiB;  // a chunk of points with their features, and the network's maps
    mode.host_seconds_per_picture = 0.3 + 1.5e-7 * side * side;
    StageProfile profile{"", {mode}, kAnyBatch};
    profile.on_host = true;
    profile.variant = kCompactModel;
    profile.output_bytes_per_picture = 8 * kMiB;
    return profile;
  }

  ShapedPicture output_of(CutPicture cut, PictureWork& work, const StageCall& call,
                          const Execution& execution) override {
    const Settings& settings = work.job->settings();
    const float thinnest =
        std::min(2 * static_cast<float>(kGridSide) / static_cast<float>(settings.grid), 1.0f);
    Execution on_cpu = execution;
    on_cpu.device = at::kCPU;
    std::shared_ptr<const CompactField> field =
        compact_field(networks_.get(call.workers.front()), *cut.foreground,
                      {.depth = settings.depth, .thinnest = thinnest}, on_cpu);
    const float elevation = field->elevation();
    return {std::move(cut), nullptr, std::shared_ptr<const Field>(std::move(field)), elevation};
  }

 private:
  fs::path embedded_models_;
  ByWorker<const CompactNetwork> networks_;
};

class CompactFields : public FieldSource {
 public:
  // All of a grid's values, which of them are near the surface, and a chunk of points with their features.
  double grid_bytes(double side) const override { return 16 * side * side * side + 64e6; }
  double bytes_per_point() const override { return 24; }
  double seconds_per_point() const override { return 4e-7; }
  bool is_asked_on_host(const std::vector<Worker>& workers) const override {
    return std::any_of(workers.begin(), workers.end(),
                       [](const Worker& worker) { return worker.kind != DeviceKind::kCpu; });
  }
  bool faces_the_picture() const override { return true; }

  std::shared_ptr<const Field> field(Shape& shape, const StageCall& /*call*/) const override {
    return std::get<std::shared_ptr<const Field>>(shape);
  }
};

}  // namespace

fs::path compact_weights(const fs::path& embedded_models) {
  constexpr const char* kFile = "compact.safetensors";
  const fs::path own = models_folder() / kCompactModel;
  std::error_code error;
  for (const fs::path& folder : {embedded_models, own}) {
    if (fs::is_regular_file(folder / kFile, error)) return folder / kFile;
  }
  throw Error(ErrorCode::kModelMissing, "The model 'compact' has no weights: none are shipped yet.",
              fmt::format("Train it (docs/training.md) and put {} and its .json file into '{}', or use the "
                          "model preview.",
                          kFile, own.string()));
}

std::shared_ptr<PipelineStage> compact_stage(const fs::path& embedded_models) {
  return std::make_shared<CompactStage>(embedded_models);
}
std::unique_ptr<FieldSource> compact_fields() { return std::make_unique<CompactFields>(); }

}  // namespace relievo
