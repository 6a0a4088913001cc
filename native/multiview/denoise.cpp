#include <algorithm>
#include <optional>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "multiview/noise_source.h"
#include "multiview/steps_in_flight.h"
#include "multiview/unet_graph.h"
#include "nn/bring.h"
#include "nn/shared_rows.h"
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

/// The latents, the noise and the sampler stay on the device of the caller's worker (`home`); the networks
/// get their inputs from there and give their predictions back. Batches are ordered by half, then by picture:
/// unconditional 0, unconditional 1, ..., conditional 0, ... Pictures that are cancelled leave them between
/// two steps.
class Denoising {
 public:
  Denoising(std::span<const Conditions> conditions, std::span<const NoiseKey> keys,
            const DenoiserPlaces& places, const Diffusion& diffusion, const MultiviewSettings& settings,
            const Execution& execution, std::span<const CancelToken> cancels, const MultiviewHooks& hooks)
      : conditions_(conditions),
        keys_(keys),
        cancels_(cancels),
        places_(places),
        settings_(settings),
        control_(execution.control),
        hooks_(hooks),
        home_(at::TensorOptions(execution.device).dtype(at::kFloat)),
        first_half_(settings.guidance == 1 ? 1 : 0) {
    pass_.check = [this] { check_whether_wanted(); };
    const NoiseLevels levels = noise_levels(diffusion, settings.steps);
    const int64_t unit = settings.view_size / kLatentPixels;
    for (size_t p = 0; p < conditions.size(); ++p) {
      alive_.push_back(p);
      samplers_.emplace_back(settings.sampler, diffusion.prediction, levels);
      references_.push_back(conditions[p].latents.to(home_).contiguous());
      const int64_t channels = conditions[p].latents.size(1);
      latents_.push_back(noise(p, NoiseUse::kLatents, 0, {1, channels, kRows * unit, kColumns * unit}) *
                         samplers_[p].initial_sigma());
    }
    if (is_in_strips()) ranges_ = divide_rows(kRows * unit, places.parts, places.unets[0]->row_unit());
    divide_work();
    prepare_constants();
    begin_graph();
  }

  std::vector<at::Tensor> run() {
    StepsInFlight steps(home_.device(), settings_.steps, control_);
    control_.step(0);
    for (int i = 0; i < settings_.steps; ++i) {
      steps.make_room();
      leave_out_cancelled();
      step(i);
      steps.end_step();
    }
    steps.finish_all();
    for (at::Tensor& latents : latents_) {
      if (latents.defined()) latents = latents.cpu();
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
    begin_graph();  // for inputs of another shape
  }

  /// Where steps are to be recorded: one network on one GPU that takes all of a step at once.
  void begin_graph() {
    graph_.reset();
    const bool is_alone = places_.unets.size() == 1 && shares_.size() == 1 && !home_.device().is_cpu();
    if (places_.graphs && is_alone && !hooks_.observer) graph_.emplace(places_.unets[0], places_.graphs);
  }

  bool is_cut() const { return !places_.blocks.empty(); }
  bool is_in_strips() const { return !places_.parts.empty(); }

  at::Tensor noise(size_t picture, NoiseUse use, int step, at::IntArrayRef shape) const {
    return noise_for(keys_[picture], hooks_, use, step, shape, home_.device());
  }

  /// A GPU alone is this thread's own, and would have nothing to do while each step was waited for.
  void on_worker(size_t k, const std::function<void()>& body) const {
    const auto guarded = [&] {
      const at::NoGradGuard no_grad;
      body();
    };
    const bool is_own = places_.unets.size() == 1 && !home_.device().is_cpu();
    if (places_.on_worker && !is_own) {
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
    const bool is_on_two = !is_cut() && !is_in_strips() && places_.unets.size() > 1;
    if (halves == 1 || (!is_on_two && places_.halves_together)) {
      shares_.push_back({0, first_half_, halves});
    } else {
      shares_ = {{0, 0, 1}, {is_on_two ? 1u : 0u, 1, 1}};
    }
  }

  /// The workers that a share passes through, in order, or that share its rows.
  std::vector<size_t> workers_of(size_t share) const {
    if (!is_cut() && !is_in_strips()) return {shares_[share].worker};
    std::vector<size_t> workers;
    for (size_t k = 0; k < places_.unets.size(); ++k) {
      const bool works = is_in_strips() ? ranges_[k].count() > 0
                                        : places_.unets[k] && !places_.unets[k]->parameters().empty();
      if (works) workers.push_back(k);
    }
    return workers;
  }

  /// Computes what does not change from step to step: the cross attentions' keys and values, by share and
  /// worker, and what all timesteps mean to each worker's blocks.
  void prepare_constants() {
    std::vector<float> timesteps;
    for (int i = 0; i < settings_.steps; ++i) timesteps.push_back(samplers_.front().timestep(i));
    at::Tensor embeddings;
    prompts_.assign(shares_.size(), std::vector<KeyValues>(places_.unets.size()));
    shifts_.resize(places_.unets.size());
    for (size_t s = 0; s < shares_.size(); ++s) {
      std::vector<at::Tensor> rows;
      for (int64_t half = shares_[s].first; half < shares_[s].first + shares_[s].count; ++half) {
        for (const size_t p : alive_) rows.push_back(conditions_[p].states.narrow(0, half, 1));
      }
      const at::Tensor states = at::cat(rows);
      for (const size_t k : workers_of(s)) {
        on_worker(k, [&, k] {
          const Unet& unet = *places_.unets[k];
          prompts_[s][k] = unet.prompt(states.to(options_of(unet)));
          const at::Tensor own = unet.time_embeddings(timesteps);
          if (own.defined()) embeddings = own;  // of a cut network only the first part makes them
          shifts_[k] = unet.time_shifts(embeddings, pass_);
        });
      }
    }
  }

  /// The network's inputs of one share, in its precision: each picture's latents for each of the share's
  /// halves, and its reference.
  UnetWalk inputs_of(size_t s, int i, const std::vector<at::Tensor>& noise) const {
    const Share& share = shares_[s];
    const at::ScalarType type = options_of(*places_.unets[workers_of(s).front()]).dtype().toScalarType();
    const auto batch = [&](const at::Tensor& like) {
      return at::empty({share.count * pictures(), like.size(1), like.size(2), like.size(3)},
                       home_.dtype(type).memory_format(at::MemoryFormat::ChannelsLast));
    };
    UnetWalk walk;
    walk.x = batch(latents_[alive_.front()]);
    walk.reference = batch(references_[alive_.front()]);
    for (size_t at = 0; at < alive_.size(); ++at) {
      const size_t p = alive_[at];
      const auto rows = [&](const at::Tensor& all) {
        return all.unflatten(0, {share.count, pictures()}).select(1, static_cast<int64_t>(at));
      };
      const auto halves = [&](const at::Tensor& both) { return both.narrow(0, share.first, share.count); };
      write_noised_input(rows(walk.x), latents_[p], {}, samplers_[p].sigma(i));
      write_noised_input(rows(walk.reference), halves(references_[p]), halves(noise[p]),
                         samplers_[p].sigma(i));
    }
    return walk;
  }

  /// Computes the prediction of one share, `[rows, 4, H, W]` on the last worker's device. `go(k, body)` runs
  /// the body on worker k.
  template <typename Go>
  at::Tensor predict(size_t s, int i, UnetWalk walk, const Go& go) const {
    for (const size_t k : workers_of(s)) {
      go(k, [&, k] { places_.unets[k]->advance(walk, prompts_[s][k], shifts_[k], i, pass_); });
    }
    return walk.x;
  }

  /// The same by all workers at once, each with its own rows.
  at::Tensor predict_in_strips(size_t s, int i, const UnetWalk& walk) const {
    std::vector<at::Tensor> rows(ranges_.size());
    on_shared_rows(ranges_, places_.run_together, [&](size_t k, const SharedRows& shared) {
      const at::NoGradGuard no_grad;
      UnetWalk own = walk;
      own.x = walk.x.narrow(2, shared.range().first, shared.range().count());
      UnetPass pass = pass_;
      pass.shared = &shared;
      places_.unets[k]->advance(own, prompts_[s][k], shifts_[k], i, pass);
      rows[k] = own.x;
    });
    std::erase_if(rows, [](const at::Tensor& some) { return !some.defined(); });
    for (at::Tensor& some : rows) some = bring(some, home_);
    return at::cat(rows, 2);
  }

  void step(int i) {
    std::vector<at::Tensor> noise(conditions_.size());  // the references', by picture
    for (const size_t p : alive_) noise[p] = this->noise(p, NoiseUse::kReference, i, references_[p].sizes());
    std::vector<UnetWalk> walks;
    for (size_t s = 0; s < shares_.size(); ++s) walks.push_back(inputs_of(s, i, noise));
    std::vector<at::Tensor> predictions(shares_.size());
    if (graph_) {
      predictions[0] = graph_->predict(std::move(walks[0]), prompts_[0][0], shifts_[0], i, pass_);
    } else if (is_in_strips()) {
      for (size_t s = 0; s < shares_.size(); ++s) predictions[s] = predict_in_strips(s, i, walks[s]);
    } else if (shares_.size() == 2 && shares_[1].worker == 1) {
      on_every_worker([&](size_t k) {
        if (k >= shares_.size()) return;
        predictions[k] =
            predict(k, i, std::move(walks[k]), [](size_t, const std::function<void()>& body) { body(); });
      });
    } else {
      for (size_t s = 0; s < shares_.size(); ++s) {
        predictions[s] = predict(s, i, std::move(walks[s]),
                                 [&](size_t k, const std::function<void()>& body) { on_worker(k, body); });
      }
    }
    for (at::Tensor& prediction : predictions) prediction = bring(prediction, home_);
    for (size_t at = 0; at < alive_.size(); ++at) take_step(at, i, predictions);
  }

  /// Advances the picture at this index of the batch by one step, using its rows of the whole batch's
  /// predictions.
  void take_step(size_t at, int i, const std::vector<at::Tensor>& predictions) {
    const size_t p = alive_[at];
    const auto of_half = [&](int64_t half) {
      const size_t s = half < shares_[0].first + shares_[0].count ? 0 : 1;
      return predictions[s].narrow(0, (half - shares_[s].first) * pictures() + static_cast<int64_t>(at), 1);
    };
    Predicted output(of_half(1));
    if (first_half_ == 0) output = {of_half(1), of_half(0), settings_.guidance};
    if (hooks_.observer) {
      observe(hooks_.observer, fmt::format("step{}/t", i), at::full({1}, samplers_[p].timestep(i)));
      observe(hooks_.observer, fmt::format("step{}/unet_in", i),
              samplers_[p].input(latents_[p], i).expand({2, -1, -1, -1}));
      observe(hooks_.observer, fmt::format("step{}/unet_out", i),
              first_half_ == 1 ? of_half(1) : at::cat({of_half(0), of_half(1)}));
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
  // Where latents, noise and sampler are, in float32.
  at::TensorOptions home_;
  UnetPass pass_;
  // The first half that is computed: 1 where the unconditional prediction has no weight, else 0.
  int64_t first_half_;
  std::vector<Share> shares_;
  std::vector<RowRange> ranges_;                 // by worker, where they share the rows
  std::vector<std::vector<KeyValues>> prompts_;  // by share and worker
  std::vector<TimeShifts> shifts_;               // by worker
  std::optional<UnetGraph> graph_;               // which reads the two above
  // The pictures of the batch that are still wanted, in their order.
  std::vector<size_t> alive_;
  std::vector<Sampler> samplers_;  // by picture
  // By picture, at home: [1, 4, H, W], and the picture's own latents [2, 4, h, w] without noise.
  std::vector<at::Tensor> latents_, references_;
};

void check(std::span<const Conditions> conditions, std::span<const NoiseKey> noise,
           const DenoiserPlaces& places, const MultiviewSettings& settings,
           std::span<const CancelToken> cancels) {
  if (settings.view_size < kLatentPixels || settings.view_size % kLatentPixels != 0) {
    throw invalid_value("view size", fmt::format("{}", settings.view_size), "Use a multiple of 8, best 320.");
  }
  const bool is_cut = !places.blocks.empty();
  const bool is_in_strips = !places.parts.empty();
  const bool is_one_each =
      conditions.size() == noise.size() && (cancels.empty() || cancels.size() == conditions.size());
  const auto fits = [&](const std::vector<int>& by_worker) {
    return by_worker.empty() || by_worker.size() == places.unets.size();
  };
  if (!is_one_each || places.unets.empty() || !fits(places.blocks) || !fits(places.parts) ||
      (is_cut && is_in_strips)) {
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
  return Denoising(conditions, noise, places, diffusion, settings, execution, cancels, hooks).run();
}

}  // namespace relievo
