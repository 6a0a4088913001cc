// The model `preview`: a foreground's mask, inflated to a field on the CPU.
#include <algorithm>

#include "engine/field_source.h"
#include "engine/shared_field.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "reconstruct/inflated_mask.h"
#include "surface/grid.h"

namespace relievo {
namespace {

class InflateStage : public StageOf<CutPicture, ShapedPicture> {
 public:
  InflateStage() : StageOf("reconstruct", "reconstruct") {}

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& /*workers*/) const override {
    const double side = std::clamp(settings.texture_size, 512, 4096);  // side of the foreground
    StageMode mode;
    mode.host_seconds_per_picture = 0.1 + 1.5e-7 * side * side;
    StageProfile profile{"", {mode}, kAnyBatch};
    profile.on_host = true;
    profile.variant = kPreviewModel;
    profile.output_bytes_per_picture = 4 << 20;
    return profile;
  }

  ShapedPicture output_of(CutPicture cut, PictureWork& work, const StageCall& /*call*/,
                          const Execution& execution) override {
    const Settings& settings = work.job->settings();
    // Two cells of the grid that will mesh the field: thinner parts would come out as beads or not at all.
    const float thinnest =
        std::min(2 * static_cast<float>(kGridSide) / static_cast<float>(settings.grid), 1.0f);
    Execution on_cpu = execution;
    on_cpu.device = at::kCPU;
    std::shared_ptr<const Field> field =
        inflate(*cut.foreground, {.depth = settings.depth, .thinnest = thinnest}, on_cpu);
    return {std::move(cut), nullptr, std::move(field)};
  }
};

class InflatedFields : public FieldSource {
 public:
  double bytes_per_point() const override { return 24; }  // its number, its position and its value
  double seconds_per_point() const override { return 6e-8; }
  bool is_asked_on_host(const std::vector<Worker>& workers) const override {
    return std::any_of(workers.begin(), workers.end(),
                       [](const Worker& worker) { return worker.kind != DeviceKind::kCpu; });
  }
  bool faces_the_picture() const override { return true; }

  std::shared_ptr<const Field> field(Shape& shape, const StageCall& call) const override {
    const auto& field = std::get<std::shared_ptr<const Field>>(shape);
    return shared_field(std::vector(call.workers.size(), field), on_every_worker_of(call));
  }
};

}  // namespace

std::shared_ptr<PipelineStage> inflate_stage() { return std::make_shared<InflateStage>(); }
std::unique_ptr<FieldSource> inflated_fields() { return std::make_unique<InflatedFields>(); }

}  // namespace relievo
