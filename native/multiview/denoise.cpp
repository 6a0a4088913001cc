#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "multiview/noise_source.h"
#include "nn/tensors.h"

namespace relievo {
namespace {

constexpr int64_t kRows = 3, kColumns = 2, kLatentPixels = 8;

/// Consecutive halves of guidance (0: unconditional, 1: conditional on the picture) that are computed
/// together, and their worker.
struct Share {
  size_t worker = 0;  // the worker, where the network is not cut
  int64_t first = 0, count = 0;
};

/// Batches are ordered by half, then by picture: unconditional 0, unconditional 1, ...,
/// conditional 0, ... Pictures that are cancelled leave them between two steps.
class Denoising {
 public:
  Denoising(std::span<const Conditions> conditions, std::span<const NoiseKey> keys,
            const DenoiserPlaces& places, const Diffusion& diffusion, const MultiviewSettings& settings,
            const Control& control, std::span<const CancelToken> cancels, const MultiviewHooks& hooks)
      : conditions_(conditions),
        keys_(keys),
        cancels_(cancels),
        places_(places),
        settings_(settings),
        control_(control),
        hooks_(hooks),
        first_half_(settings.guidance == 1 ? 1 : 0) {
    pass_.check = [this] { check_whether_wanted(); };
    const NoiseLevels levels = noise_levels(diffusion, settings.steps);
    const int64_t unit = settings.view_size / kLatentPixels;
    for (size_t p = 0; p < conditions.size(); ++p) {
      alive_.push_back(p);
      samplers_.emplace_back(settings.sampler, diffusion.prediction, levels);
      const int64_t channels = conditions[p].latents.size(1);
      latents_.push_back(noise(p, NoiseUse::kLatents, 0, {1, channels, kRows * unit, kColumns * unit}) *
                         samplers_[p].initial_sigma());
    }
    divide_work();
    prepare_prompts();
  }

  std::vector<at::Tensor> run() {
    control_.step(0);
    for (int i = 0; i < settings_.steps; ++i) {
      leave_out_cancelled();
      step(i);
      control_.step((i + 1.0) / settings_.steps);
    }
    return latents_;
  }

 private:
  int64_t pictures() const { return static_cast<int64_t>(alive_.size()); }
  bool is_cancelled(size_t picture) const { return !cancels_.empty() && cancels_[picture].cancelled(); }

  /// Throws Error{kCancelled} when none of the pictures is wanted any more.
  void check_whether_wanted() const {
    control_.cancel.check();
    if (std::ranges::all_of(alive_, [&](size_t p) { return is_cancelled(p); })) {
      throw Error(ErrorCode::kCancelled, "Cancelled.");
    }
  }

  /// Removes the rows of cancelled pictures from everything that is kept from step to step.
  void leave_out_cancelled() {
    check_whether_wanted();
    std::vector<size_t> left;
    std::vector<int64_t> places_left;  // the kept places in alive_
    for (size_t at = 0; at < alive_.size(); ++at) {
      if (is_cancelled(alive_[at])) {
        latents_[alive_[at]].reset();
      } else {
        left.push_back(alive_[at]);
        places_left.push_back(static_cast<int64_t>(at));
      }
    }
    if (left.size() == alive_.size()) return;
    for (size_t s = 0; s < shares_.size(); ++s) {
      std::vector<int64_t> rows;
      for (int64_t half = 0; half < shares_[s].count; ++half) {
        for (const int64_t at : places_left) rows.push_back(half * pictures() + at);
      }
      for (const size_t k : workers_of(s)) {
        on_worker(k, [&, k] { prompts_[s][k] = batch_rows(prompts_[s][k], rows); });
      }
    }
    alive_ = std::move(left);
  }

  bool is_cut() const { return !places_.blocks.empty(); }

  at::Tensor noise(size_t picture, NoiseUse use, int step, at::IntArrayRef shape) const {
    return noise_for(keys_[picture], hooks_, use, step, shape);
  }

  void on_worker(size_t k, const std::function<void()>& body) const {
    const auto guarded = [&] {
      const at::NoGradGuard no_grad;
      body();
    };
    if (places_.on_worker) {
      places_.on_worker(k, guarded);
    } else {
      guarded();
    }
  }

  void on_every_worker(const std::function<void(size_t)>& body) const {
    const auto guarded = [&](size_t k) {
      const at::NoGradGuard no_grad;
      body(k);
    };
    if (places_.on_every_worker) {
      places_.on_every_worker(guarded);
    } else {
      for (size_t k = 0; k < places_.unets.size(); ++k) guarded(k);
    }
  }

  void divide_work() {
    const int64_t halves = 2 - first_half_;
    const bool is_on_two = !is_cut() && places_.unets.size() > 1;
    if (halves == 1 || (!is_on_two && places_.halves_together)) {
      shares_.push_back({0, first_half_, halves});
    } else {
      shares_ = {{0, 0, 1}, {is_on_two ? 1u : 0u, 1, 1}};
    }
  }

  /// The workers that a share passes through, in order.
  std::vector<size_t> workers_of(size_t share) const {
    if (!is_cut()) return {shares_[share].worker};
    std::vector<size_t> workers;
    for (size_t k = 0; k < places_.unets.size(); ++k) {
      if (places_.unets[k] && !places_.unets[k]->parameters().empty()) workers.push_back(k);
    }
    return workers;
  }

  /// Concatenates the rows of one share: `of(picture, half)` is `[1, ...]`.
  template <typename Of>
  at::Tensor rows(const Share& share, const Of& of) const {
    std::vector<at::Tensor> all;
    for (int64_t half = share.first; half < share.first + share.count; ++half) {
      for (const size_t p : alive_) all.push_back(of(p, half));
    }
    return at::cat(all);
  }

  /// Computes the cross attentions' keys and values, by share and worker.
  void prepare_prompts() {
    prompts_.assign(shares_.size(), std::vector<KeyValues>(places_.unets.size()));
    for (size_t s = 0; s < shares_.size(); ++s) {
      const at::Tensor states =
          rows(shares_[s], [&](size_t p, int64_t half) { return conditions_[p].states.narrow(0, half, 1); });
      for (const size_t k : workers_of(s)) {
        on_worker(k, [&, k] {
          const Unet& unet = *places_.unets[k];
          prompts_[s][k] = unet.prompt(states.to(options_of(unet)));
        });
      }
    }
  }

  /// Computes the prediction of one share, `[rows, 4, H, W]` float32 on the CPU. `go(k, body)` runs the body
  /// on worker k.
  template <typename Go>
  at::Tensor predict(size_t s, UnetWalk walk, const Go& go) const {
    for (const size_t k : workers_of(s)) {
      go(k, [&, k] {
        places_.unets[k]->advance(walk, prompts_[s][k], pass_);
        if (k == workers_of(s).back()) walk.x = walk.x.to(at::kCPU, at::kFloat);
      });
    }
    return walk.x;
  }

  void step(int i) {
    std::vector<at::Tensor> inputs(conditions_.size()), references(conditions_.size());  // by picture
    for (const size_t p : alive_) {
      const at::Tensor& clean = conditions_[p].latents;
      inputs[p] = samplers_[p].input(latents_[p], i);
      references[p] =
          noised_input(clean, noise(p, NoiseUse::kReference, i, clean.sizes()), samplers_[p].sigma(i));
    }
    std::vector<UnetWalk> walks(shares_.size());
    for (size_t s = 0; s < shares_.size(); ++s) {
      walks[s].timestep = samplers_.front().timestep(i);
      walks[s].x = rows(shares_[s], [&](size_t p, int64_t) { return inputs[p]; });
      walks[s].reference =
          rows(shares_[s], [&](size_t p, int64_t half) { return references[p].narrow(0, half, 1); });
    }
    std::vector<at::Tensor> predictions(shares_.size());
    if (shares_.size() == 2 && shares_[1].worker == 1) {
      on_every_worker([&](size_t k) {
        if (k >= shares_.size()) return;
        predictions[k] =
            predict(k, std::move(walks[k]), [](size_t, const std::function<void()>& body) { body(); });
      });
    } else {
      for (size_t s = 0; s < shares_.size(); ++s) {
        predictions[s] = predict(s, std::move(walks[s]),
                                 [&](size_t k, const std::function<void()>& body) { on_worker(k, body); });
      }
    }
    const at::Tensor all = at::cat(predictions);
    for (size_t at = 0; at < alive_.size(); ++at) take_step(at, i, inputs[alive_[at]], all);
  }

  /// Advances the picture at this index of the batch by one step, using its rows of the whole batch's
  /// predictions.
  void take_step(size_t at, int i, const at::Tensor& input, const at::Tensor& predictions) {
    const size_t p = alive_[at];
    const auto of_half = [&](int64_t half) {
      return predictions.narrow(0, (half - first_half_) * pictures() + static_cast<int64_t>(at), 1);
    };
    const at::Tensor conditional = of_half(1);
    at::Tensor output = conditional;
    if (first_half_ == 0) output = of_half(0) + (conditional - of_half(0)) * settings_.guidance;
    if (hooks_.observer) {
      observe(hooks_.observer, fmt::format("step{}/t", i), at::full({1}, samplers_[p].timestep(i)));
      observe(hooks_.observer, fmt::format("step{}/unet_in", i), input.expand({2, -1, -1, -1}));
      observe(hooks_.observer, fmt::format("step{}/unet_out", i),
              first_half_ == 1 ? conditional : at::cat({of_half(0), conditional}));
    }
    at::Tensor ancestral;
    if (samplers_[p].draws_noise()) ancestral = noise(p, NoiseUse::kAncestral, i, latents_[p].sizes());
    latents_[p] = samplers_[p].step(latents_[p], output, i, ancestral);
    observe(hooks_.observer, fmt::format("step{}/latents_after", i), latents_[p]);
  }

  std::span<const Conditions> conditions_;
  std::span<const NoiseKey> keys_;
  std::span<const CancelToken> cancels_;  // by picture, or empty
  const DenoiserPlaces& places_;
  const MultiviewSettings& settings_;
  const Control& control_;
  const MultiviewHooks& hooks_;
  UnetPass pass_;
  // The first half that is computed: 1 where the unconditional prediction has no weight, else 0.
  int64_t first_half_;
  std::vector<Share> shares_;
  std::vector<std::vector<KeyValues>> prompts_;
  // The pictures of the batch that are still wanted, in their order.
  std::vector<size_t> alive_;
  std::vector<Sampler> samplers_;    // by picture
  std::vector<at::Tensor> latents_;  // [1, 4, H, W] each
};

void check(std::span<const Conditions> conditions, std::span<const NoiseKey> noise,
           const DenoiserPlaces& places, const MultiviewSettings& settings,
           std::span<const CancelToken> cancels) {
  if (settings.view_size < kLatentPixels || settings.view_size % kLatentPixels != 0) {
    throw invalid_value("view size", fmt::format("{}", settings.view_size), "Use a multiple of 8, best 320.");
  }
  const bool is_cut = !places.blocks.empty();
  const bool is_one_each =
      conditions.size() == noise.size() && (cancels.empty() || cancels.size() == conditions.size());
  if (!is_one_each || places.unets.empty() || (is_cut && places.blocks.size() != places.unets.size())) {
    throw Error(ErrorCode::kInternal, "The denoiser's pictures, seeds or places do not match.");
  }
  for (const auto& unet : places.unets) {
    if (unet && !unet->parameters().empty()) options_of(*unet);
  }
}

}  // namespace

std::vector<at::Tensor> denoise(std::span<const Conditions> conditions, std::span<const NoiseKey> noise,
                                const DenoiserPlaces& places, const Diffusion& diffusion,
                                const MultiviewSettings& settings, const Execution& execution,
                                std::span<const CancelToken> cancels, const MultiviewHooks& hooks) {
  check(conditions, noise, places, settings, cancels);
  if (conditions.empty()) return {};
  const at::NoGradGuard no_grad;
  return Denoising(conditions, noise, places, diffusion, settings, execution.control, cancels, hooks).run();
}

}  // namespace relievo
