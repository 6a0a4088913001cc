#include <atomic>

#include <ATen/ATen.h>

#include "base/block_counter.h"
#include "multiview/noise_source.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

/// What a network made of pictures, row by row on the CPU: of those that were not cancelled meanwhile, which
/// are known by index.
struct MadeOf {
  at::Tensor rows;
  std::vector<size_t> pictures = {};
};

/// The moments of pictures `[B, 3, S, S]`.
at::Tensor moments_of(const at::Tensor& pixels, const ConditionParts& parts, const BatchControl& control) {
  return parts.vae->moments(pixels.to(options_of(*parts.vae)), {.cancel = control}).to(at::kCPU, at::kFloat);
}

/// Latents `[1, 4, S/8, S/8]` of one row of moments.
at::Tensor sampled(const at::Tensor& moments, size_t row, const NoiseKey& noise, NoiseUse use,
                   const MultiviewHooks& hooks) {
  const LatentDistribution own = Vae::distribution(moments.narrow(0, static_cast<int64_t>(row), 1));
  return own.sample(noise_for(noise, hooks, use, 0, own.mean.sizes(), at::kCPU));
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

std::vector<std::optional<Conditions>> condition_batch(
    std::span<const ByteImage> rgb, std::span<const NoiseKey> noise, const ConditionPlaces& places,
    const Execution& execution, std::span<const CancelToken> cancels, const MultiviewHooks& hooks) {
  const at::NoGradGuard no_grad;
  const Control& control = execution.control;
  const ConditionParts& first = *places.parts.front();
  control.step(0);
  std::vector<at::Tensor> pixels, clip_pixels;
  for (const ByteImage& picture : rgb) {
    pixels.push_back(extract(picture, first.picture));
    clip_pixels.push_back(extract(picture, first.clip));
  }
  observe(hooks.observer, "pixel_values_vae", pixels.front());
  observe(hooks.observer, "pixel_values_clip", clip_pixels.front());
  // Every picture has a token here, so that which ones are left is known by index.
  std::vector<CancelToken> tokens(cancels.begin(), cancels.end());
  tokens.resize(rgb.size());
  constexpr int64_t kPictures = 0, kNoPicture = 1, kTasks = 3;
  MadeOf moments, embeddings;
  at::Tensor without;  // the moments without a picture, which are the same for all
  std::atomic<int> done = 0;
  hand_out(kTasks, places.parts.size(), places.run_together, [&](size_t k, int64_t task) {
    const ConditionParts& parts = *places.parts[k];
    const BatchControl batch(control.cancel, tokens);
    if (task == kPictures) {
      moments = {moments_of(at::cat(pixels), parts, batch), batch.left()};
    } else if (task == kNoPicture) {
      without = moments_of(at::zeros_like(pixels.front()), parts, control.cancel);
    } else {
      const at::Tensor seen = at::cat(clip_pixels).to(options_of(*parts.vision));
      embeddings.rows = parts.vision->forward(seen, {}, batch).to(at::kCPU, at::kFloat);
      embeddings.pictures = batch.left();
    }
    control.step(static_cast<double>(++done) / (kTasks + 1));
  });
  std::vector<at::Tensor> latents(rgb.size());  // by picture
  for (size_t row = 0; row < moments.pictures.size(); ++row) {
    const size_t p = moments.pictures[row];
    latents[p] = at::cat({sampled(without, 0, noise[p], NoiseUse::kUnconditional, hooks),
                          sampled(moments.rows, row, noise[p], NoiseUse::kConditional, hooks)});
    observe(hooks.observer, "cond_lat", latents[p]);
  }
  std::vector<std::optional<Conditions>> made(rgb.size());
  for (size_t row = 0; row < embeddings.pictures.size(); ++row) {
    const size_t p = embeddings.pictures[row];
    if (!latents[p].defined()) continue;
    const at::Tensor own = embeddings.rows.narrow(0, static_cast<int64_t>(row), 1);
    made[p] = Conditions{latents[p], prompt_states(first.empty_prompt, own, first.ramp)};
    observe(hooks.observer, "encoder_hidden_states", made[p]->states);
  }
  control.step(1);
  return made;
}

Conditions condition_views(const ByteImage& rgb, const NoiseKey& noise, const ConditionPlaces& places,
                           const Execution& execution, const MultiviewHooks& hooks) {
  return condition_batch({&rgb, 1}, {&noise, 1}, places, execution, {}, hooks).front().value();
}

}  // namespace relievo
