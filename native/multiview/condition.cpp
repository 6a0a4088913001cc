#include <ATen/ATen.h>

#include "multiview/noise_source.h"
#include "nn/tensors.h"

namespace relievo {

Conditions condition_views(const ByteImage& rgb, const NoiseKey& noise, const ConditionParts& parts,
                           const Execution& execution, const MultiviewHooks& hooks) {
  const at::NoGradGuard no_grad;
  const Control& control = execution.control;
  const auto encoded = [&](const at::Tensor& pixels, NoiseUse use) {
    const at::Tensor moments =
        parts.vae->moments(pixels.to(options_of(*parts.vae)), {.cancel = control.cancel});
    const LatentDistribution distribution = Vae::distribution(moments.to(at::kCPU, at::kFloat));
    return distribution.sample(noise_for(noise, hooks, use, 0, distribution.mean.sizes(), at::kCPU));
  };
  control.step(0);
  const at::Tensor pixels = extract(rgb, parts.picture);
  observe(hooks.observer, "pixel_values_vae", pixels);
  const at::Tensor picture = encoded(pixels, NoiseUse::kConditional);
  control.step(0.35);
  Conditions conditions;
  conditions.latents = at::cat({encoded(at::zeros_like(pixels), NoiseUse::kUnconditional), picture});
  observe(hooks.observer, "cond_lat", conditions.latents);
  control.step(0.7);

  const at::Tensor clip_pixels = extract(rgb, parts.clip);
  observe(hooks.observer, "pixel_values_clip", clip_pixels);
  const at::Tensor embedding = parts.vision->forward(clip_pixels.to(options_of(*parts.vision)));
  conditions.states = prompt_states(parts.empty_prompt, embedding.to(at::kCPU, at::kFloat), parts.ramp);
  observe(hooks.observer, "encoder_hidden_states", conditions.states);
  control.step(1);
  return conditions;
}

}  // namespace relievo
