#include <array>
#include <atomic>

#include <ATen/ATen.h>

#include "base/block_counter.h"
#include "multiview/noise_source.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

/// Latents of a picture `[1, 3, S, S]`, `[1, 4, S/8, S/8]` on the CPU.
at::Tensor encoded(const at::Tensor& pixels, NoiseUse use, const ConditionParts& parts, const NoiseKey& noise,
                   const CancelToken& cancel, const MultiviewHooks& hooks) {
  const at::Tensor moments = parts.vae->moments(pixels.to(options_of(*parts.vae)), {.cancel = cancel});
  const LatentDistribution distribution = Vae::distribution(moments.to(at::kCPU, at::kFloat));
  return distribution.sample(noise_for(noise, hooks, use, 0, distribution.mean.sizes(), at::kCPU));
}

/// Runs body(k, task) for every task on whichever worker k is free; all on the first one where there is one.
template <typename Body>
void hand_out(int64_t tasks, size_t workers, const RunTogether& run_together, const Body& body) {
  BlockCounter counter(tasks, 1, workers);
  const auto work = [&](size_t k) {
    const at::NoGradGuard no_grad;
    while (const auto range = counter.next(k)) {
      for (int64_t task = range->first; task < range->second; ++task) body(k, task);
    }
  };
  if (workers == 1) return work(0);
  run_together(work, [&] { counter.stop(); });
}

}  // namespace

Conditions condition_views(const ByteImage& rgb, const NoiseKey& noise, const ConditionPlaces& places,
                           const Execution& execution, const MultiviewHooks& hooks) {
  const at::NoGradGuard no_grad;
  const Control& control = execution.control;
  const ConditionParts& first = *places.parts.front();
  control.step(0);
  const at::Tensor pixels = extract(rgb, first.picture), clip_pixels = extract(rgb, first.clip);
  observe(hooks.observer, "pixel_values_vae", pixels);
  observe(hooks.observer, "pixel_values_clip", clip_pixels);
  constexpr int64_t kPicture = 0, kNoPicture = 1, kTasks = 3;
  std::array<at::Tensor, kTasks> found;  // two of latents, and the picture's embedding
  std::atomic<int> done = 0;
  hand_out(kTasks, places.parts.size(), places.run_together, [&](size_t k, int64_t task) {
    const ConditionParts& parts = *places.parts[k];
    at::Tensor& result = found[static_cast<size_t>(task)];
    if (task == kPicture) {
      result = encoded(pixels, NoiseUse::kConditional, parts, noise, control.cancel, hooks);
    } else if (task == kNoPicture) {
      result = encoded(at::zeros_like(pixels), NoiseUse::kUnconditional, parts, noise, control.cancel, hooks);
    } else {
      result = parts.vision->forward(clip_pixels.to(options_of(*parts.vision)), {}, control.cancel)
                   .to(at::kCPU, at::kFloat);
    }
    control.step(static_cast<double>(++done) / (kTasks + 1));
  });
  Conditions conditions;
  conditions.latents = at::cat({found[kNoPicture], found[kPicture]});
  observe(hooks.observer, "cond_lat", conditions.latents);
  conditions.states = prompt_states(first.empty_prompt, found[2], first.ramp);
  observe(hooks.observer, "encoder_hidden_states", conditions.states);
  control.step(1);
  return conditions;
}

}  // namespace relievo
