#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "engine/stage_of.h"
#include "engine/stages.h"
#include "files/picture_kinds.h"
#include "files/pictures.h"
#include "multiview/multiview.h"
#include "nn/view_grid.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

constexpr size_t kViews = 6;

std::vector<fs::path> files_of(const std::vector<std::string>& views) {
  if (views.size() != 1 || !fs::is_directory(views.front())) return {views.begin(), views.end()};
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(views.front())) {
    if (has_picture_ending(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.size() == kViews) return files;
  throw Error(ErrorCode::kInvalidSettings,
              fmt::format("The folder '{}' holds {} pictures.", views.front(), files.size()),
              "Use a folder with six, which are taken in the order of their names.");
}

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

/// Takes the person's own pictures in place of the diffusion's.
class OwnViewsStage : public StageOf<CutPicture, ViewedPicture> {
 public:
  OwnViewsStage() : StageOf("views", "multiview") {}

 protected:
  StageProfile profile_for(const Settings& settings, const std::vector<Worker>& /*workers*/) const override {
    StageMode mode;
    StageProfile profile{"", {}, kMaxBatch};
    profile.output_bytes_per_picture = int64_t{6} * 3 * 4 * settings.input_size * settings.input_size;
    mode.workspace_bytes = 6.0 * 3 * 4 * 1024 * 1024;
    mode.workspace_bytes_per_picture = static_cast<double>(profile.output_bytes_per_picture);
    mode.host_seconds_per_picture = 0.4;
    profile.modes = {mode};
    return profile;
  }

  ViewedPicture output_of(CutPicture cut, PictureWork& work, const StageCall& /*call*/,
                          const Execution& execution) override {
    const Settings& settings = work.job->settings();
    const std::vector<fs::path> files = files_of(settings.views);
    const int64_t side = settings.input_size;
    std::vector<at::Tensor> pixels;
    for (size_t i = 0; i < files.size(); ++i) {
      const CancelToken& cancel = execution.control.cancel;
      at::Tensor views =
          files.size() == 1 ? split_view_grid(on_white(files[i], cancel)) : view_of(files[i], cancel);
      pixels.push_back(resize_views(views, side, side).clamp(0, 1));
      execution.control.step(static_cast<double>(i + 1) / static_cast<double>(files.size()));
    }
    auto views = std::make_shared<Views>();
    views->pixels = at::cat(pixels);
    views->cameras = cameras_of_views();
    show_views(*work.job, *views);
    return {std::move(cut), std::move(views)};
  }
};

}  // namespace

void show_views(const JobContext& job, const Views& views) {
  // [6, 3, S, S] becomes 3 rows of 2.
  const int64_t side = views.pixels.size(-1);
  const at::Tensor grid = views.pixels.reshape({3, 2, 3, side, side})
                              .permute({0, 3, 1, 4, 2})
                              .reshape({3 * side, 2 * side, 3})
                              .contiguous();
  Image picture(static_cast<int>(2 * side), static_cast<int>(3 * side), 3);
  std::copy_n(grid.const_data_ptr<float>(), picture.pixels.size(), picture.pixels.begin());
  job.on_picture("views", picture);
}

std::shared_ptr<PipelineStage> own_views_stage() { return std::make_shared<OwnViewsStage>(); }

}  // namespace relievo
