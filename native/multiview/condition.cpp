#include <ATen/ATen.h>

#include "multiview/noise_source.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

/// The rows of the pictures that are left; all where none has a token.
at::Tensor rows_left(const at::Tensor& rows, const std::vector<size_t>& left) {
  if (left.empty() || static_cast<int64_t>(left.size()) == rows.size(0)) return rows;
  std::vector<at::Tensor> kept;
  for (const size_t i : left) kept.push_back(rows.narrow(0, static_cast<int64_t>(i), 1));
  return at::cat(kept);
}

}  // namespace

std::vector<std::optional<Conditions>> condition_batch(
    std::span<const ByteImage> rgb, std::span<const NoiseKey> noise, const ConditionParts& parts,
    const Execution& execution, std::span<const CancelToken> cancels, const MultiviewHooks& hooks) {
  const at::NoGradGuard no_grad;
  const Control& control = execution.control;
  // Every picture has a token here, so that which ones are left is known by index.
  std::vector<CancelToken> tokens(cancels.begin(), cancels.end());
  tokens.resize(rgb.size());
  const BatchControl batch(control.cancel, std::move(tokens));
  const auto distribution = [&](const at::Tensor& pixels, const Strips& strips) {
    const at::Tensor moments = parts.vae->moments(pixels.to(options_of(*parts.vae)), strips);
    return Vae::distribution(moments.to(at::kCPU, at::kFloat));
  };
  const auto sample = [&](const LatentDistribution& all, int64_t row, size_t picture, NoiseUse use) {
    const LatentDistribution one{all.mean.narrow(0, row, 1), all.log_variance.narrow(0, row, 1)};
    return one.sample(noise_for(noise[picture], hooks, use, 0, one.mean.sizes(), at::kCPU));
  };
  control.step(0);
  std::vector<at::Tensor> pixels, clip_pixels;
  for (const ByteImage& picture : rgb) pixels.push_back(extract(picture, parts.picture));
  observe(hooks.observer, "pixel_values_vae", pixels.front());
  const LatentDistribution pictures = distribution(at::cat(pixels), {.cancel = batch});
  const std::vector<size_t> encoded = batch.left();
  control.step(0.35);
  // Without a picture the latents are of the same distribution for all.
  const LatentDistribution empty = distribution(at::zeros_like(pixels.front()), {.cancel = control.cancel});
  std::vector<std::optional<Conditions>> conditions(rgb.size());
  for (size_t row = 0; row < encoded.size(); ++row) {
    const size_t p = encoded[row];
    const at::Tensor picture = sample(pictures, static_cast<int64_t>(row), p, NoiseUse::kConditional);
    conditions[p].emplace();
    conditions[p]->latents = at::cat({sample(empty, 0, p, NoiseUse::kUnconditional), picture});
    observe(hooks.observer, "cond_lat", conditions[p]->latents);
  }
  control.step(0.7);

  for (const ByteImage& picture : rgb) clip_pixels.push_back(extract(picture, parts.clip));
  observe(hooks.observer, "pixel_values_clip", clip_pixels.front());
  const at::Tensor seen = rows_left(at::cat(clip_pixels), encoded);
  const at::Tensor embeddings = parts.vision->forward(seen.to(options_of(*parts.vision)), {}, batch);
  const at::Tensor on_cpu = embeddings.to(at::kCPU, at::kFloat);
  std::vector<std::optional<Conditions>> made(rgb.size());
  const std::vector<size_t> left = batch.left();
  for (size_t row = 0; row < left.size(); ++row) {
    const size_t p = left[row];
    made[p] = std::move(conditions[p]);
    made[p]->states =
        prompt_states(parts.empty_prompt, on_cpu.narrow(0, static_cast<int64_t>(row), 1), parts.ramp);
    observe(hooks.observer, "encoder_hidden_states", made[p]->states);
  }
  control.step(1);
  return made;
}

Conditions condition_views(const ByteImage& rgb, const NoiseKey& noise, const ConditionParts& parts,
                           const Execution& execution, const MultiviewHooks& hooks) {
  return condition_batch({&rgb, 1}, {&noise, 1}, parts, execution, {}, hooks).front().value();
}

}  // namespace relievo
