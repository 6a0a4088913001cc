#include "multiview/multiview.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "base/camera.h"
#include "nn/view_grid.h"

namespace relievo {

ByteImage paint_view_grid(const ByteImage& rgb, const NoiseKey& noise, const MultiviewModel& model,
                          const MultiviewSettings& settings, const Execution& execution,
                          const MultiviewHooks& hooks) {
  // Measured in steps of the denoiser: the conditions cost about one, the decoding about two.
  const double total = settings.steps + 3;
  const auto part = [&](double from, double to) {
    Execution stage = execution;
    stage.control = execution.control.part(from / total, to / total);
    return stage;
  };
  const Conditions conditions = condition_views(rgb, noise, {.parts = {&model.condition}}, part(0, 1), hooks);
  const at::Tensor latents = denoise({&conditions, 1}, {&noise, 1}, {.unets = {model.unet}}, model.diffusion,
                                     settings, part(1, total - 2), {}, hooks)
                                 .front();
  return decode_views(latents, {.vaes = {model.decoder}}, model.latent_factor, part(total - 2, total), false,
                      hooks);
}

Views views_of_grid(const ByteImage& grid) {
  const std::vector<CameraVector> cameras = six_view_cameras();
  const at::Tensor rows = at::empty({static_cast<int64_t>(cameras.size()), 16}, at::kFloat);
  std::copy_n(cameras.front().data(), rows.numel(), rows.data_ptr<float>());
  return {split_view_grid(grid), rows};
}

Views make_views(const Foreground& foreground, const NoiseKey& noise, const MultiviewModel& model,
                 const MultiviewSettings& settings, const Execution& execution) {
  return views_of_grid(
      paint_view_grid(paste_on_white(to_bytes(foreground.image)), noise, model, settings, execution));
}

}  // namespace relievo
