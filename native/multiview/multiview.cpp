#include "multiview/multiview.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/camera.h"
#include "base/error.h"
#include "nn/view_grid.h"

namespace relievo {
namespace {

constexpr int64_t kRows = 3, kColumns = 2, kLatentPixels = 8;

at::TensorOptions options_of(const torch::nn::Module& network) {
  return network.parameters().front().options();
}

void check_settings(const MultiviewSettings& settings, const MultiviewModel& model) {
  if (settings.view_size < kLatentPixels || settings.view_size % kLatentPixels != 0) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("Views of {} pixels are not possible.", settings.view_size),
                "Choose a multiple of 8, best 320.");
  }
  const at::TensorOptions options = options_of(*model.unet);
  if (options.device().is_cpu() && options.dtype() == at::kHalf) {
    throw Error(ErrorCode::kInvalidSettings, "A CPU computes too slowly in float16.",
                "Choose bf16 or fp32 as the precision.");
  }
}

/// One run: the picture's conditions, the steps, the decoding.
class Painting {
 public:
  Painting(const MultiviewModel& model, const MultiviewSettings& settings, const Execution& execution,
           const MultiviewHooks& hooks)
      : model_(model),
        settings_(settings),
        control_(execution.control),
        hooks_(hooks),
        sampler_(settings.sampler, model.diffusion.prediction, noise_levels(model.diffusion, settings.steps)),
        first_row_(settings.guidance == 1 ? 1 : 0) {}

  ByteImage paint(const ByteImage& rgb) {
    // In steps: the conditions cost about one, the decoding about two.
    const double total = settings_.steps + 3;
    control_.step(0);
    condition(rgb);
    control_.step(1 / total);
    at::Tensor latents = noise(NoiseUse::kLatents, 0,
                               {1, condition_.size(1), kRows * settings_.view_size / kLatentPixels,
                                kColumns * settings_.view_size / kLatentPixels}) *
                         sampler_.initial_sigma();
    for (int i = 0; i < settings_.steps; ++i) {
      latents = step(latents, i);
      observe(hooks_.observer, fmt::format("step{}/latents_after", i), latents);
      control_.step((i + 2) / total);
    }
    const ByteImage grid = decode(latents);
    control_.step(1);
    return grid;
  }

 private:
  at::Tensor noise(NoiseUse use, int step, at::IntArrayRef shape) const {
    const at::Device device = options_of(*model_.unet).device();
    if (hooks_.noise) return hooks_.noise(use, step, shape).to(device);
    return draw_noise(settings_.noise, static_cast<uint32_t>(use), static_cast<uint32_t>(step), shape,
                      device);
  }

  at::Tensor encoded(const at::Tensor& pixels, NoiseUse use) const {
    const at::Tensor moments = model_.vae->moments(pixels.to(options_of(*model_.vae))).to(at::kFloat);
    const LatentDistribution distribution = Vae::distribution(moments);
    return distribution.sample(noise(use, 0, distribution.mean.sizes()).to(moments.device()));
  }

  void condition(const ByteImage& rgb) {
    const at::TensorOptions unet = options_of(*model_.unet);
    const at::Tensor pixels = extract(rgb, model_.picture);
    observe(hooks_.observer, "pixel_values_vae", pixels);
    const at::Tensor picture = encoded(pixels, NoiseUse::kPicture);
    control_.cancel.check();
    condition_ = at::cat({encoded(at::zeros_like(pixels), NoiseUse::kNothing), picture}).to(unet.device());
    observe(hooks_.observer, "cond_lat", condition_);
    control_.cancel.check();

    const at::Tensor clip_pixels = extract(rgb, model_.clip);
    observe(hooks_.observer, "pixel_values_clip", clip_pixels);
    const at::Tensor embedding = model_.vision->forward(clip_pixels.to(options_of(*model_.vision)));
    const at::Tensor states =
        prompt_states(model_.empty_prompt, embedding.to(at::kCPU, at::kFloat), model_.ramp);
    observe(hooks_.observer, "encoder_hidden_states", states);
    prompt_ = model_.unet->prompt(states.to(unet));
  }

  /// The denoiser's output for these rows of guidance (0: nothing, 1: the picture).
  at::Tensor predict(const at::Tensor& input, const at::Tensor& reference, double t, int64_t first,
                     int64_t count) const {
    const at::TensorOptions unet = options_of(*model_.unet);
    const KeyValues prompt = batch_rows(prompt_, first, count);
    KeyValues seen;
    UnetPass write;
    write.prompt = &prompt;
    write.record = &seen;
    write.cancel = control_.cancel;
    model_.unet->forward(reference.narrow(0, first, count).to(unet), t, write);
    UnetPass read;
    read.prompt = &prompt;
    read.reference = &seen;
    read.cancel = control_.cancel;
    return model_.unet->forward(input.narrow(0, first, count).to(unet), t, read).to(at::kFloat);
  }

  at::Tensor step(const at::Tensor& latents, int i) {
    const double t = sampler_.timestep(i);
    const at::Tensor input = sampler_.input(latents, i).expand({2, -1, -1, -1});
    observe(hooks_.observer, fmt::format("step{}/t", i), at::full({1}, t));
    observe(hooks_.observer, fmt::format("step{}/unet_in", i), input);
    const at::Tensor reference =
        noised_input(condition_, noise(NoiseUse::kReference, i, condition_.sizes()), sampler_.sigma(i));
    at::Tensor rows;
    if (settings_.halves_together || first_row_ == 1) {
      rows = predict(input, reference, t, first_row_, 2 - first_row_);
    } else {
      rows = at::cat({predict(input, reference, t, 0, 1), predict(input, reference, t, 1, 1)});
    }
    observe(hooks_.observer, fmt::format("step{}/unet_out", i), rows);
    const at::Tensor with_picture = rows.narrow(0, rows.size(0) - 1, 1);
    const at::Tensor output =
        first_row_ == 1 ? with_picture
                        : rows.narrow(0, 0, 1) + (with_picture - rows.narrow(0, 0, 1)) * settings_.guidance;
    at::Tensor ancestral;
    if (sampler_.draws_noise()) ancestral = noise(NoiseUse::kAncestral, i, latents.sizes());
    return sampler_.step(latents, output, i, ancestral);
  }

  ByteImage decode(const at::Tensor& latents) const {
    const at::Tensor input = unscale_latents(latents) / model_.latent_factor;
    observe(hooks_.observer, "decode_in", input);
    const at::Tensor decoded = model_.vae->decode(input.to(options_of(*model_.vae))).to(at::kFloat);
    observe(hooks_.observer, "decode_out", decoded);
    const at::Tensor image = (unscale_image(decoded) / 2 + 0.5).clamp(0, 1)[0].permute({1, 2, 0});
    observe(hooks_.observer, "image_np", image);
    const at::Tensor bytes = (image * 255).round().to(at::kCPU, at::kByte).contiguous();
    ByteImage grid(static_cast<int>(image.size(1)), static_cast<int>(image.size(0)), 3);
    std::copy_n(bytes.const_data_ptr<uint8_t>(), grid.pixels.size(), grid.pixels.begin());
    return grid;
  }

  const MultiviewModel& model_;
  const MultiviewSettings& settings_;
  const Control& control_;
  const MultiviewHooks& hooks_;
  Sampler sampler_;
  int64_t first_row_;     // of guidance; 1 where the prediction without a picture has no weight
  at::Tensor condition_;  // [2, 4, h, w] latents of nothing and of the picture
  KeyValues prompt_;
};

}  // namespace

ByteImage paint_view_grid(const ByteImage& rgb, const MultiviewModel& model,
                          const MultiviewSettings& settings, const Execution& execution,
                          const MultiviewHooks& hooks) {
  check_settings(settings, model);
  const at::NoGradGuard no_grad;
  return Painting(model, settings, execution, hooks).paint(rgb);
}

Views views_of_grid(const ByteImage& grid) {
  const std::vector<CameraVector> cameras = six_view_cameras();
  const at::Tensor rows = at::empty({static_cast<int64_t>(cameras.size()), 16}, at::kFloat);
  std::copy_n(cameras.front().data(), rows.numel(), rows.data_ptr<float>());
  return {split_view_grid(grid), rows};
}

Views make_views(const Foreground& foreground, const MultiviewModel& model, const MultiviewSettings& settings,
                 const Execution& execution) {
  return views_of_grid(
      paint_view_grid(paste_on_white(to_bytes(foreground.image)), model, settings, execution));
}

}  // namespace relievo
