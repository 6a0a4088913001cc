// The model `preview`: a foreground's mask, or the outlines of several sides, inflated to a field on the CPU.
#include <algorithm>
#include <array>
#include <filesystem>

#include <ATen/ATen.h>

#include "engine/field_source.h"
#include "engine/own_views.h"
#include "engine/shared_field.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "foreground/align_sides.h"
#include "kernels/push_pull.h"
#include "reconstruct/back_colours.h"
#include "reconstruct/extruded_mask.h"
#include "reconstruct/inflated_mask.h"
#include "reconstruct/inflated_sides.h"
#include "surface/grid.h"

namespace relievo {
namespace {

/// The colours of the back, in the front's axes; empty where they are the front's own.
Image back_of(const Image& front, const std::string& back, const CancelToken& cancel) {
  const bool is_filled = back == "fill" || (back == "auto" && has_features_inside(front));
  return is_filled ? continue_outline(front, cancel) : Image();
}

/// The sides as pictures to be projected, with colours grown over their outlines. A side that is missing has
/// the mirror image of the opposite one; the top and the bottom are not missing.
Views views_of(const std::vector<SidePicture>& sides, const std::string& back, const Control& control) {
  const int64_t pixels = sides.front().picture.width;
  std::vector<at::Tensor> pictures, cameras;
  Views views;
  const auto add = [&](Side side, const Image& picture) {
    pictures.push_back(
        at::from_blob(const_cast<float*>(picture.pixels.data()), {pixels, pixels, 3}, at::kFloat)
            .permute({2, 0, 1})
            .contiguous());
    const OwnView view = view_from(side, {});
    // A picture that spans the box's 2 at the origin.
    const CameraVector camera = camera_vector(orbit_pose(*view.azimuth, view.elevation, 1), 90);
    cameras.push_back(at::from_blob(const_cast<float*>(camera.data()), {16}, at::kFloat).clone());
    views.is_orthographic.push_back(true);
  };
  const auto is_given = [&](Side side) {
    return std::ranges::find(sides, side, &SidePicture::side) != sides.end();
  };
  for (const SidePicture& side : sides) {
    control.cancel.check();
    const Image grown = kernels::grow_colours(side.picture);
    add(side.side, grown);
    const std::optional<Side> other = opposite_of(side.side);
    if (!other || is_given(*other)) continue;
    const Image behind = side.side == Side::kFront ? back_of(side.picture, back, control.cancel) : Image();
    add(*other, mirrored(behind.empty() ? grown : behind));
  }
  views.pixels = at::stack(pictures);
  views.cameras = at::stack(cameras);
  return views;
}

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
    if (const int views = cut_views(settings); views > 0) {
      // The aligned pictures, and what is projected: both sides of each.
      const double pixels = static_cast<double>(side_of_sides(settings)) * side_of_sides(settings);
      profile.modes.front().host_seconds_per_picture += 0.4 * (views + 1) + 4e-7 * (views + 1) * pixels;
      profile.modes.front().workspace_bytes = 40 * (views + 1) * pixels;
      profile.output_bytes_per_picture += static_cast<int64_t>(24 * (views + 1) * pixels);
    }
    return profile;
  }

  ShapedPicture output_of(CutPicture cut, PictureWork& work, const StageCall& /*call*/,
                          const Execution& execution) override {
    const Settings& settings = work.job->settings();
    // Two cells of the grid that will mesh the field: thinner parts would come out as beads or not at all.
    const float thinnest =
        std::min(2 * static_cast<float>(kGridSide) / static_cast<float>(settings.grid), 1.0f);
    const InflationSettings inflation{.depth = settings.depth, .thinnest = thinnest};
    Execution on_cpu = execution;
    on_cpu.device = at::kCPU;
    if (!cut.own_views.empty()) return of_sides(std::move(cut), work, inflation, on_cpu);
    Image back = back_of(cut.foreground->image, settings.back, execution.control.cancel);
    std::shared_ptr<const Field> field;
    if (settings.shape == "extrude") {
      field = extrude(*cut.foreground, inflation, on_cpu, std::move(back));
    } else {
      field = inflate(*cut.foreground, inflation, on_cpu, std::move(back));
    }
    return {std::move(cut), nullptr, std::move(field)};
  }

 private:
  static ShapedPicture of_sides(CutPicture cut, PictureWork& work, const InflationSettings& inflation,
                                const Execution& execution) {
    const Settings& settings = work.job->settings();
    std::vector<SideCut> cuts;
    for (const CutView& each : cut.own_views) {
      cuts.push_back({.side = *side_of(each.view),
                      .name = std::filesystem::path(each.view.picture).filename().string(),
                      .foreground = each.foreground.get(),
                      .width = each.width,
                      .height = each.height});
    }
    AlignedSides aligned = align_sides(cuts, side_of_sides(settings), execution.control.part(0, 0.3));
    cut.own_views.clear();
    for (const std::string& note : aligned.notes) work.note(note);
    Execution part = execution;
    part.control = execution.control.part(0.3, 0.8);
    std::shared_ptr<const Field> field = inflate_sides(aligned.pictures, inflation, part);
    auto views = std::make_shared<const Views>(
        views_of(aligned.pictures, settings.back, execution.control.part(0.8, 1)));
    show_views(*work.job, *views);
    return {std::move(cut), std::move(views), std::move(field)};
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

int side_of_sides(const Settings& settings) { return std::clamp(settings.texture_size, 512, 2048); }

std::shared_ptr<PipelineStage> inflate_stage() { return std::make_shared<InflateStage>(); }
std::unique_ptr<FieldSource> inflated_fields() { return std::make_unique<InflatedFields>(); }

}  // namespace relievo
