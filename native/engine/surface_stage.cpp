#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "engine/field_source.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "surface/clean_surface.h"
#include "surface/shape_loss.h"
#include "surface/surface.h"

namespace relievo {

double meshed_faces(double side) { return 6 * side * side; }

double expected_faces(const Settings& settings, double side) {
  const double all = meshed_faces(side);
  return settings.faces > 0 ? std::min<double>(settings.faces, all) : all;
}

namespace {

/// Writes "3 %", or "0.4 %" where that tells more.
std::string percent(double share) {
  return share < 0.00995 ? fmt::format("{:.1f} %", 100 * share) : fmt::format("{:.0f} %", 100 * share);
}

void note_debris(PictureWork& work, const Surface& kept, const Debris& debris, double share) {
  if (debris.dropped == 0) return;
  Surface before = kept;
  const auto first = static_cast<int32_t>(before.vertices.size());
  before.vertices.insert(before.vertices.end(), debris.surface.vertices.begin(),
                         debris.surface.vertices.end());
  for (const Int3& f : debris.surface.faces)
    before.faces.push_back({f[0] + first, f[1] + first, f[2] + first});
  const ShapeLoss loss = shape_loss(before, kept);
  work.note(fmt::format(
      "{} of {} parts {} left out as debris, with {} of the volume and {} of the outline: each has less than "
      "{} of the surface. A debris share of 0 keeps all.",
      debris.dropped, debris.components, debris.dropped == 1 ? "was" : "were", percent(loss.volume),
      percent(loss.outline), percent(share)));
}

/// Notes where fewer faces cost more of the shape than a person would expect, or so much that more were kept
/// than the person asked for.
void note_lost_shape(PictureWork& work, const Surface& before, const Surface& after, int asked) {
  constexpr double kMuchVolume = 0.05, kMuchOutline = 0.02;
  const ShapeLoss loss = shape_loss(before, after);
  const auto faces = static_cast<int>(after.faces.size());
  const bool has_lost = loss.components_before != loss.components_after || loss.volume >= kMuchVolume ||
                        loss.outline >= kMuchOutline;
  if (!has_lost && faces <= asked) return;
  std::string note = fmt::format("{} faces are too few for this shape: ", asked);
  if (faces > asked) note += fmt::format("fewer than {} would destroy it, so {} were kept. ", faces, faces);
  if (has_lost) {
    if (faces > asked) note += fmt::format("With {}, ", faces);
    if (loss.components_before != loss.components_after) {
      note +=
          fmt::format("it has {} parts instead of {}, and ", loss.components_after, loss.components_before);
    }
    note += fmt::format("{} of the volume and {} of the outline are lost. ", percent(loss.volume),
                        percent(loss.outline));
  }
  work.note(note + "Allow more faces.");
}

class SurfaceStage : public StageOf<ShapedPicture, MeshedPicture> {
 public:
  SurfaceStage(std::string model, std::unique_ptr<FieldSource> fields)
      : StageOf("surface", "surface"), model_(std::move(model)), fields_(std::move(fields)) {}

  void load(const StageLoad& load) override { fields_->load(load.worker); }
  void unload(const Worker& worker) override { fields_->unload(worker); }

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& workers) const override {
    const double side = fields_->grid_side(settings), vertices = side * side * side;
    const double meshed = meshed_faces(side), kept = expected_faces(settings, side);
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
    mode.host_seconds_per_picture = 0.005 + 1e-6 * meshed;
    if (kept < meshed) mode.host_seconds_per_picture += 1e-5 * meshed;
    double& asking =
        fields_->is_asked_on_host(workers) ? mode.host_seconds_per_picture : mode.seconds_per_picture;
    asking += vertices * fields_->seconds_per_point();
    StageMode chunks = mode;
    chunks.execution.chunked = true;
    chunks.workspace_bytes = workspace(kChunkPoints / 4);
    chunks.seconds_per_picture *= 1.1;
    StageProfile profile{"", {mode, chunks}, kMaxBatch};
    profile.variant = model_;
    profile.parts = {{.kind = PartKind::kPoints, .bytes_per_picture = static_cast<int64_t>(4 * vertices)}};
    profile.output_bytes_per_picture = static_cast<int64_t>(18 * kept);
    return profile;
  }

  MeshedPicture output_of(ShapedPicture shaped, PictureWork& work, const StageCall& call,
                          const Execution& execution) override {
    const at::NoGradGuard no_grad;
    const Settings& settings = work.job->settings();
    const Control& control = execution.control;
    const std::shared_ptr<const Field> field = fields_->field(shaped.shape, call);
    // A density has no distance to interpolate by, so its published grid is twice as fine.
    const int grid = field->kind() == FieldKind::kDensity ? 2 * settings.grid : settings.grid;
    Execution meshing = execution;
    meshing.control = control.part(0, 0.7);
    const Surface meshed =
        extract_surface(*field, {.grid = grid, .close_at_box = !settings.open_at_box}, meshing);
    Debris debris;
    auto cleaned = std::make_shared<const Surface>(
        clean_surface(meshed, {.smallest_share = settings.debris}, control.part(0.7, 0.8), &debris));
    note_debris(work, *cleaned, debris, settings.debris);
    if (settings.faces == 0 || static_cast<size_t>(settings.faces) >= cleaned->faces.size()) {
      if (settings.normal_map)
        work.note("No normal map was made: the mesh was not simplified and keeps all of its detail itself.");
      return {std::move(shaped), std::move(cleaned), nullptr};
    }
    auto simplified =
        std::make_shared<const Surface>(simplify_surface(*cleaned, settings.faces, control.part(0.8, 1)));
    note_lost_shape(work, *cleaned, *simplified, settings.faces);
    return {std::move(shaped), std::move(simplified), settings.normal_map ? std::move(cleaned) : nullptr};
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
