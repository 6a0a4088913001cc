#include <algorithm>

#include <ATen/core/grad_mode.h>

#include "engine/field_source.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "surface/surface.h"

namespace relievo {

double meshed_faces(double side) { return 6 * side * side; }

double expected_faces(const Settings& settings, double side) {
  const double all = meshed_faces(side);
  return settings.faces > 0 ? std::min<double>(settings.faces, all) : all;
}

namespace {

class SurfaceStage : public StageOf<ShapedPicture, MeshedPicture> {
 public:
  SurfaceStage(std::string model, std::unique_ptr<FieldSource> fields)
      : StageOf("surface", "surface"), model_(std::move(model)), fields_(std::move(fields)) {}

  void load(const StageLoad& load) override { fields_->load(load.worker); }
  void unload(const Worker& worker) override { fields_->unload(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override {
    const double side = fields_->grid_side(settings), vertices = side * side * side;
    const double meshed = meshed_faces(side);
    constexpr double kChunkPoints = 1 << 17;
    StageMode mode;
    mode.weight_bytes = fields_->weight_bytes();
    // The workspace is a chunk of points, which from the second one on lies beside all of the grid's values;
    // or these values beside themselves in double precision, while they are summed.
    const auto workspace = [&](double chunk) {
      const double first = std::min(chunk, vertices), second = std::min(chunk, vertices - first);
      const double per_point = fields_->bytes_per_point();
      const double asking = std::max(first * per_point, 4 * vertices + second * per_point);
      return std::max(asking + fields_->grid_bytes(side), 12 * vertices);
    };
    mode.workspace_bytes = workspace(kChunkPoints);
    mode.host_seconds_per_picture = 0.002 + 5e-7 * meshed;
    double& asking =
        fields_->is_asked_on_host(workers) ? mode.host_seconds_per_picture : mode.seconds_per_picture;
    asking += vertices * fields_->seconds_per_point();
    StageMode chunks = mode;
    chunks.execution.chunked = true;
    chunks.workspace_bytes = workspace(kChunkPoints / 4);
    chunks.seconds_per_picture *= 1.1;
    StageProfile profile{"", {mode, chunks}, kAnyBatch};
    profile.variant = model_;
    profile.on_host = fields_->is_asked_on_host(workers);
    profile.parts = {{.kind = PartKind::kPoints, .bytes_per_picture = static_cast<int64_t>(4 * vertices)}};
    profile.output_bytes_per_picture = static_cast<int64_t>(18 * meshed);
    return profile;
  }

  MeshedPicture output_of(ShapedPicture shaped, PictureWork& work, const StageCall& call,
                          const Execution& execution) override {
    const at::NoGradGuard no_grad;
    const Settings& settings = work.job->settings();
    const std::shared_ptr<const Field> field = fields_->field(shaped.shape, call);
    // A density has no distance to interpolate by, so its published grid is twice as fine.
    const int grid = field->kind() == FieldKind::kDensity ? 2 * settings.grid : settings.grid;
    auto surface = std::make_shared<const Surface>(
        extract_surface(*field, {.grid = grid, .close_at_box = !settings.open_at_box}, execution));
    return {std::move(shaped), std::move(surface)};
  }

 private:
  std::string model_;
  std::unique_ptr<FieldSource> fields_;
};

}  // namespace

std::shared_ptr<PipelineStage> surface_stage(const std::string& model, std::unique_ptr<FieldSource> fields) {
  return std::make_shared<SurfaceStage>(model, std::move(fields));
}

}  // namespace relievo
