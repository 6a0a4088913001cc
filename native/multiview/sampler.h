// Noise levels, and the solvers that walk them from noise to a clean sample.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "kernels/sampler_step.h"

namespace relievo {

enum class BetaSchedule { kLinear, kScaledLinear };
enum class Spacing { kTrailing, kLinspace, kLeading };
enum class Prediction { kVelocity, kNoise };

/// The diffusion that the network was trained with; the defaults are Zero123++'s (with trailing spacing, as
/// InstantMesh sets it).
struct Diffusion {
  int train_steps = 1000;
  double beta_start = 0.00085;
  double beta_end = 0.012;
  BetaSchedule betas = BetaSchedule::kLinear;
  Spacing spacing = Spacing::kTrailing;
  int steps_offset = 1;  ///< used by leading spacing
  Prediction prediction = Prediction::kVelocity;
};

at::Tensor beta_values(const Diffusion& diffusion);        ///< [train_steps] float32
at::Tensor cumulative_alphas(const Diffusion& diffusion);  ///< [train_steps] float32

/// The steps of a run. A noisy sample is x0 + sigma * noise throughout; the network gets it divided by
/// sqrt(sigma^2 + 1).
struct NoiseLevels {
  std::vector<float> timesteps;  ///< [steps]
  std::vector<float> sigmas;     ///< [steps + 1], falling, the last 0
  float initial_sigma = 1;       ///< standard deviation of the noise that a run starts from
};

/// Throws Error{kInvalidSettings} unless 1 <= steps <= train_steps.
NoiseLevels noise_levels(const Diffusion& diffusion, int steps);

/// sqrt((1 - a) / a) for the cumulative alpha a at a training step.
double sigma_at(const Diffusion& diffusion, int timestep);

/// `clean + sigma * noise`, scaled as the network takes it, on the device of `clean`. All are float32.
at::Tensor noised_input(const at::Tensor& clean, const at::Tensor& noise, double sigma);

/// The same into `out` `[halves, C, H, W]`, of any type of numbers, channels last within each half. `clean`
/// and `noise` are
/// `[halves, C, H, W]`, or `[1, C, H, W]` for all halves; without `noise` there is none. One launch of a
/// kernel.
void write_noised_input(const at::Tensor& out, const at::Tensor& clean, const at::Tensor& noise,
                        double sigma);

enum class SamplerKind {
  kEulerAncestral,  ///< the reference's; draws noise in every step
  kDpmSolver2M,     ///< DPM-Solver++(2M), Lu et al. 2022, arXiv 2211.01095
  /// UniPC of order 2 with B(h) = e^h - 1, Zhao et al. 2023, arXiv 2302.04867.
  kUniPC,
};

/// Parses `euler-ancestral`, `dpm-solver++` or `unipc`. Throws Error{kInvalidSettings} for another name.
SamplerKind sampler_kind(const std::string& name);

/// What the network predicts for a sample: with guidance (Ho and Salimans 2022, arXiv 2207.12598) it is
/// `unconditional + (conditional - unconditional) * guidance`.
struct Predicted {
  Predicted(at::Tensor conditional_, at::Tensor unconditional_ = {}, double guidance_ = 1)
      : conditional(std::move(conditional_)), unconditional(std::move(unconditional_)), guidance(guidance_) {}

  at::Tensor conditional;
  at::Tensor unconditional;  ///< or undefined
  double guidance;
};

/// One run over the noise levels. All tensors are float32, of one shape and on one device, where every method
/// launches one kernel (kernels/sampler_step.h): the same bits come out on every device.
class Sampler {
 public:
  Sampler(SamplerKind kind, Prediction prediction, NoiseLevels levels);

  int steps() const { return static_cast<int>(levels_.timesteps.size()); }
  float timestep(int step) const { return levels_.timesteps[static_cast<size_t>(step)]; }
  double sigma(int step) const { return levels_.sigmas[static_cast<size_t>(step)]; }
  double initial_sigma() const { return levels_.initial_sigma; }
  bool draws_noise() const { return kind_ == SamplerKind::kEulerAncestral; }

  /// The network's input for `x` in this step.
  at::Tensor input(const at::Tensor& x, int step) const;
  /// The clean sample that follows from the network's output.
  at::Tensor clean(const at::Tensor& x, const Predicted& output, int step) const;
  /// Returns the sample after this step. Steps are taken once each, in order. `noise` is standard normal and
  /// only used where draws_noise().
  at::Tensor step(const at::Tensor& x, const Predicted& output, int step, const at::Tensor& noise = {});

 private:
  template <typename T>
  void run(const at::Tensor& x, const Predicted& output, int step, const at::Tensor& noise, at::Tensor& clean,
           at::Tensor* next, at::Tensor* corrected) const;
  template <typename T>
  kernels::SamplerStep<T> coefficients(int step) const;
  void run(const at::Tensor& x, const Predicted& output, int step, const at::Tensor& noise, at::Tensor& clean,
           at::Tensor* next, at::Tensor* corrected) const;

  SamplerKind kind_;
  Prediction prediction_;
  NoiseLevels levels_;
  std::vector<at::Tensor> cleans_;  // those of the last two steps, the latest last
  // The sample at which UniPC's last step started.
  at::Tensor start_;
};

}  // namespace relievo
