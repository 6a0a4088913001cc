#include <algorithm>
#include <cmath>
#include <filesystem>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/own_views.h"
#include "engine/stage_of.h"
#include "engine/stages.h"
#include "files/pictures.h"
#include "foreground/view_frame.h"
#include "multiview/multiview.h"
#include "nn/view_grid.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

// The share of its picture that the subject takes as the networks were trained (golden README, preprocess).
constexpr double kFilled = 0.85;
// Views whose subjects fill them so nearly as wanted stay as they are.
constexpr double kNearly = 0.02;

ByteImage on_white(const fs::path& file, const CancelToken& cancel) {
  ByteImage picture = to_bytes(read_picture(file, {.cancel = cancel}));
  return picture.channels == 4 ? paste_on_white(picture) : picture;
}

/// Reads a view as `[1, 3, H, W]` float32.
at::Tensor view_of(const fs::path& file, const CancelToken& cancel) {
  const ByteImage picture = on_white(file, cancel);
  if (picture.width != picture.height) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("The view '{}' is not square.", file.string()),
                "Use square pictures with the object in the middle.");
  }
  const at::Tensor bytes = at::from_blob(const_cast<uint8_t*>(picture.pixels.data()),
                                         {1, picture.height, picture.width, 3}, at::kByte);
  return bytes.permute({0, 3, 1, 2}).to(at::kFloat).div(255).contiguous();
}

/// Side of views that are framed: they are seen at a resolution that the texture can show where they are
/// projected onto it, too.
int framed_side(const Settings& settings) {
  constexpr int kMost = 1024;
  if (settings.projection != "on") return settings.input_size;
  return std::max(settings.input_size, std::min(settings.texture_size, kMost));
}

/// A grid, or six pictures, as they are.
Views at_published_cameras(const Settings& settings, const Control& control) {
  const int64_t side = settings.input_size;
  std::vector<at::Tensor> pixels;
  for (const OwnView& view : settings.views) {
    const bool is_grid = settings.views.size() == 1;
    const at::Tensor views = is_grid ? split_view_grid(on_white(view.picture, control.cancel))
                                     : view_of(view.picture, control.cancel);
    pixels.push_back(resize_views(views, side, side).clamp(0, 1));
    control.step(static_cast<double>(pixels.size()) / static_cast<double>(settings.views.size()));
  }
  return {at::cat(pixels), cameras_of_views()};
}

/// The share of the pictures that is kept of all alike, so that the subject that fills its picture most fills
/// it as the networks were trained.
double frame_of(const std::vector<CutView>& cuts) {
  double frame = 0;
  for (const CutView& cut : cuts)
    frame = std::max(frame, subject_reach(*cut.foreground, cut.width, cut.height) / kFilled);
  return std::abs(frame - 1) < kNearly ? 1 : frame;
}

/// Views with their own cameras.
Views framed(const std::vector<CutView>& cuts, double frame, const Settings& settings,
             const Control& control) {
  const int side = framed_side(settings);
  const auto count = static_cast<int64_t>(cuts.size());
  Views views{at::empty({count, 3, side, side}), at::empty({count, 16})};
  for (int64_t v = 0; v < count; ++v) {
    const CutView& cut = cuts[static_cast<size_t>(v)];
    const OwnView& view = cut.view;
    const Image picture = framed_view(*cut.foreground, cut.width, cut.height, frame, side, control);
    const at::Tensor pixels =
        at::from_blob(const_cast<float*>(picture.pixels.data()), {side, side, 3}, at::kFloat);
    views.pixels[v].copy_(pixels.permute({2, 0, 1}));
    const CameraVector camera = camera_of(view, frame);
    views.cameras[v].copy_(at::from_blob(const_cast<float*>(camera.data()), {16}, at::kFloat));
    views.is_orthographic.push_back(view.orthographic);
    control.step(static_cast<double>(v + 1) / static_cast<double>(count));
  }
  return views;
}

/// Takes the person's own pictures in place of the diffusion's.
class OwnViewsStage : public StageOf<CutPicture, ViewedPicture> {
 public:
  OwnViewsStage() : StageOf("views", "multiview") {}

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& /*workers*/) const override {
    StageMode mode;
    StageProfile profile{"", {}, kAnyBatch};
    profile.on_host = true;
    const int64_t side = framed_side(settings);
    profile.output_bytes_per_picture = int64_t{kMostViews} * 3 * 4 * side * side;
    mode.workspace_bytes = 6.0 * 3 * 4 * 1024 * 1024;
    mode.workspace_bytes_per_picture = static_cast<double>(profile.output_bytes_per_picture);
    mode.host_seconds_per_picture = 0.4;
    profile.modes = {mode};
    return profile;
  }

  ViewedPicture output_of(CutPicture cut, PictureWork& work, const StageCall& /*call*/,
                          const Execution& execution) override {
    const Settings& settings = work.job->settings();
    auto views = std::make_shared<Views>();
    if (cut.own_views.empty()) {
      *views = at_published_cameras(settings, execution.control);
    } else {
      const double frame = frame_of(cut.own_views);
      note_cameras(work, cut.own_views, frame);
      *views = framed(cut.own_views, frame, settings, execution.control);
      cut.own_views.clear();
    }
    show_views(*work.job, *views);
    return {std::move(cut), std::move(views)};
  }

 private:
  static void note_cameras(PictureWork& work, const std::vector<CutView>& cuts, double frame) {
    std::vector<std::string> names;
    for (const CutView& cut : cuts) {
      if (!is_as_trained(cut.view, frame))
        names.push_back(fmt::format("'{}'", fs::path(cut.view.picture).filename().string()));
    }
    if (names.empty()) return;
    work.note(
        fmt::format("The model was trained with other cameras than {} of {}: fields of view of 30 and 50 "
                    "degrees, elevations of -22 to 53, nothing orthographic.",
                    names.size() == 1 ? "that" : "those", fmt::join(names, ", ")));
  }
};

}  // namespace

void show_views(const JobContext& job, const Views& views) {
  // [V, 3, S, S] becomes rows of 2, the last one filled up with white.
  const int64_t side = views.pixels.size(-1), count = views.pixels.size(0);
  const int64_t columns = std::min<int64_t>(count, 2), rows = (count + columns - 1) / columns;
  at::Tensor cells = at::ones({rows * columns, 3, side, side});
  cells.slice(0, 0, count).copy_(views.pixels);
  const at::Tensor grid = cells.reshape({rows, columns, 3, side, side})
                              .permute({0, 3, 1, 4, 2})
                              .reshape({rows * side, columns * side, 3})
                              .contiguous();
  Image picture(static_cast<int>(columns * side), static_cast<int>(rows * side), 3);
  std::copy_n(grid.const_data_ptr<float>(), picture.pixels.size(), picture.pixels.begin());
  job.on_picture("views", picture);
}

std::shared_ptr<PipelineStage> own_views_stage() { return std::make_shared<OwnViewsStage>(); }

}  // namespace relievo
