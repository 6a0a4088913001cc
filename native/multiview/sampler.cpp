#include "multiview/sampler.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"

namespace relievo {

at::Tensor beta_values(const Diffusion& diffusion) {
  if (diffusion.betas == BetaSchedule::kLinear) {
    return at::linspace(diffusion.beta_start, diffusion.beta_end, diffusion.train_steps, at::kFloat);
  }
  return at::linspace(std::sqrt(diffusion.beta_start), std::sqrt(diffusion.beta_end), diffusion.train_steps,
                      at::kFloat)
      .square();
}

at::Tensor cumulative_alphas(const Diffusion& diffusion) {
  return at::cumprod(1 - beta_values(diffusion), 0);
}

double sigma_at(const Diffusion& diffusion, int timestep) {
  const auto alpha = cumulative_alphas(diffusion)[timestep].item<double>();
  return std::sqrt((1 - alpha) / alpha);
}

NoiseLevels noise_levels(const Diffusion& diffusion, int steps) {
  const int train_steps = diffusion.train_steps;
  if (steps < 1 || steps > train_steps) {
    throw invalid_value("steps", fmt::format("{}", steps), fmt::format("Use 1 to {}.", train_steps));
  }
  const at::Tensor alphas = cumulative_alphas(diffusion);
  const at::Tensor all_sigmas = ((1 - alphas) / alphas).sqrt().contiguous();
  const float* table = all_sigmas.const_data_ptr<float>();

  NoiseLevels levels;
  for (int i = 0; i < steps; ++i) {
    double t = 0;
    switch (diffusion.spacing) {
      case Spacing::kTrailing:
        // nearbyint rounds half to even, as the published schedule does.
        t = std::nearbyint(train_steps - i * (static_cast<double>(train_steps) / steps)) - 1;
        break;
      case Spacing::kLinspace:
        t = steps == 1 ? 0 : (train_steps - 1) * (static_cast<double>(steps - 1 - i) / (steps - 1));
        break;
      case Spacing::kLeading:
        t = static_cast<double>(train_steps / steps) * (steps - 1 - i) + diffusion.steps_offset;
        break;
    }
    const float timestep = static_cast<float>(t);
    const double place = std::clamp<double>(timestep, 0, train_steps - 1);
    const int below = std::min(static_cast<int>(place), train_steps - 2);
    const double fraction = place - below;
    levels.timesteps.push_back(timestep);
    levels.sigmas.push_back(static_cast<float>(table[below] * (1 - fraction) + table[below + 1] * fraction));
  }
  const float largest = *std::max_element(levels.sigmas.begin(), levels.sigmas.end());
  levels.initial_sigma = diffusion.spacing == Spacing::kLeading ? std::hypot(largest, 1.0f) : largest;
  levels.sigmas.push_back(0);
  return levels;
}

at::Tensor noised_input(const at::Tensor& clean, const at::Tensor& noise, double sigma) {
  return (clean + noise * sigma) / std::hypot(sigma, 1.0);
}

SamplerKind sampler_kind(const std::string& name) {
  if (name == "euler-ancestral") return SamplerKind::kEulerAncestral;
  if (name == "dpm-solver++") return SamplerKind::kDpmSolver2M;
  if (name == "unipc") return SamplerKind::kUniPC;
  throw unknown_value("sampler", name, std::vector<std::string>{"euler-ancestral", "dpm-solver++", "unipc"});
}

Sampler::Sampler(SamplerKind kind, Prediction prediction, NoiseLevels levels)
    : kind_(kind), prediction_(prediction), levels_(std::move(levels)) {}

at::Tensor Sampler::input(const at::Tensor& x, int step) const { return x / std::hypot(sigma(step), 1.0); }

at::Tensor Sampler::clean(const at::Tensor& x, const at::Tensor& output, int step) const {
  const double s = sigma(step);
  if (prediction_ == Prediction::kNoise) return x - output * s;
  return x / (s * s + 1) - output * (s / std::hypot(s, 1.0));
}

at::Tensor Sampler::step(const at::Tensor& x, const at::Tensor& output, int step, const at::Tensor& noise) {
  const at::Tensor x0 = clean(x, output, step);
  at::Tensor next;
  switch (kind_) {
    case SamplerKind::kEulerAncestral:
      return ancestral_step(x, x0, step, noise);
    case SamplerKind::kDpmSolver2M:
      next = multistep(x, x0, step);
      break;
    case SamplerKind::kUniPC: {
      const at::Tensor corrected = cleans_.empty() ? x : correct(x, x0, step);
      next = predict(corrected, x0, step);
      start_ = corrected;
      break;
    }
  }
  cleans_.push_back(x0);
  if (cleans_.size() > 2) cleans_.erase(cleans_.begin());
  return next;
}

at::Tensor Sampler::ancestral_step(const at::Tensor& x, const at::Tensor& x0, int step,
                                   const at::Tensor& noise) const {
  const double s = sigma(step), target = sigma(step + 1);
  const double up = std::sqrt(target * target * (s * s - target * target) / (s * s));
  const double down = std::sqrt(target * target - up * up);
  return x + (x - x0) * ((down - s) / s) + noise * up;
}

// In the coordinates x0 + sigma * noise the solvers' half log signal-to-noise ratio is lambda = -log(sigma),
// and the linear part of the exact solution over a step of h = log(s / s') is x s' / s + (1 - e^-h) x0.

at::Tensor Sampler::multistep(const at::Tensor& x, const at::Tensor& x0, int step) const {
  const double s = sigma(step), target = sigma(step + 1);
  if (target == 0) return x0;
  at::Tensor slope = x0;
  if (!cleans_.empty()) {
    const double r = std::log(sigma(step - 1) / s) / std::log(s / target);
    slope = x0 + (x0 - cleans_.back()) * (0.5 / r);
  }
  return x * (target / s) + slope * (1 - target / s);
}

at::Tensor Sampler::predict(const at::Tensor& x, const at::Tensor& x0, int step) const {
  const double s = sigma(step), target = sigma(step + 1);
  if (target == 0) return x0;
  at::Tensor next = x * (target / s) + x0 * (1 - target / s);
  if (!cleans_.empty()) {
    // UniP-2 has a single coefficient, which the paper sets to 1/2.
    const double r = -std::log(sigma(step - 1) / s) / std::log(s / target);
    next = next + (cleans_.back() - x0) * ((1 - target / s) * 0.5 / r);
  }
  return next;
}

at::Tensor Sampler::correct(const at::Tensor& x, const at::Tensor& x0, int step) const {
  // The last prediction is replaced: only the start of the step and the new x0 count.
  (void)x;
  const double s = sigma(step - 1), target = sigma(step);
  const double h = std::log(s / target);
  const double b = 1 - target / s;  // e^-h - 1 with the opposite sign
  const at::Tensor& before = cleans_.back();
  const at::Tensor base = start_ * (target / s) + before * b;
  if (cleans_.size() < 2) return base + (x0 - before) * (b * 0.5);
  // Coefficients (Zhao et al. 2023, section 3.2): rows of powers of r1 = -h_before / h and r2 = 1 against
  // phi_2 and 2 phi_3 over B, for data prediction, where h is negative.
  const double r = -std::log(sigma(step - 2) / s) / h;
  const double phi1 = std::expm1(-h) / -h, phi2 = (phi1 - 1) / -h, phi3 = (phi2 - 0.5) / -h;
  const double b1 = phi2 / phi1, b2 = 2 * phi3 / phi1;
  const double rho1 = (b2 - b1) / (r - 1), rho2 = b1 - rho1;
  return base + ((cleans_.front() - before) * (rho1 / r) + (x0 - before) * rho2) * b;
}

}  // namespace relievo
