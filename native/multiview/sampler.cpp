#include "multiview/sampler.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "nn/launch.h"

namespace relievo {
namespace {

/// How `[1, C, H, W]`, or any other tensor that is contiguous or has its channels last, lies in memory.
kernels::PlaneStrides planes_of(const at::Tensor& x) {
  if (x.dim() < 4) return {.pixels = x.numel() / x.size(0), .of_channel = 0, .of_pixel = 1};
  return {.pixels = x.size(2) * x.size(3), .of_channel = x.stride(1), .of_pixel = x.stride(3)};
}

at::Tensor as_planes(const at::Tensor& x) {
  const bool is_picture = x.dim() == 4 && x.size(0) == 1 && x.stride(2) == x.stride(3) * x.size(3);
  return is_picture ? x : x.contiguous().view({1, -1});
}

}  // namespace

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

void write_noised_input(const at::Tensor& out, const at::Tensor& clean, const at::Tensor& noise,
                        double sigma) {
  const at::Tensor all = clean.contiguous(), drawn = noise.defined() ? noise.contiguous() : noise;
  kernels::NetworkInput input{.type = number_type(out),
                              .clean = all.const_data_ptr<float>(),
                              .sigma = static_cast<float>(sigma),
                              .scale = static_cast<float>(std::hypot(sigma, 1.0)),
                              .halves = out.size(0),
                              .count = all.numel() / all.size(0),
                              .out = out.mutable_data_ptr(),
                              .out_stride = out.stride(0),
                              .planes = planes_of(out)};
  if (drawn.defined()) input.noise = drawn.const_data_ptr<float>();
  input.stride = all.size(0) == out.size(0) ? input.count : 0;
  launch_on(out.device(), RELIEVO_LAUNCHERS(write_network_input), input);
}

at::Tensor noised_input(const at::Tensor& clean, const at::Tensor& noise, double sigma) {
  const at::Tensor out = at::empty(clean.sizes(), clean.options());
  write_noised_input(out.view({1, -1}), clean.reshape({1, -1}),
                     noise.defined() ? noise.reshape({1, -1}) : noise, sigma);
  return out;
}

SamplerKind sampler_kind(const std::string& name) {
  if (name == "euler-ancestral") return SamplerKind::kEulerAncestral;
  if (name == "dpm-solver++") return SamplerKind::kDpmSolver2M;
  if (name == "unipc") return SamplerKind::kUniPC;
  throw unknown_value("sampler", name, std::vector<std::string>{"euler-ancestral", "dpm-solver++", "unipc"});
}

Sampler::Sampler(SamplerKind kind, Prediction prediction, NoiseLevels levels)
    : kind_(kind), prediction_(prediction), levels_(std::move(levels)) {}

at::Tensor Sampler::input(const at::Tensor& x, int step) const { return noised_input(x, {}, sigma(step)); }

// In the coordinates x0 + sigma * noise the solvers' half log signal-to-noise ratio is lambda = -log(sigma),
// and the linear part of the exact solution over a step of h = log(s / s') is x s' / s + (1 - e^-h) x0.
template <typename T>
kernels::SamplerStep<T> Sampler::coefficients(int step) const {
  const double s = sigma(step), target = sigma(step + 1);
  kernels::SamplerStep<T> c;
  c.predicts_noise = prediction_ == Prediction::kNoise;
  c.clean_divisor = static_cast<T>(s * s + 1);
  c.clean_factor = static_cast<T>(c.predicts_noise ? s : s / std::hypot(s, 1.0));
  c.is_last = target == 0;
  if (kind_ == SamplerKind::kEulerAncestral) {
    const double up = std::sqrt(target * target * (s * s - target * target) / (s * s));
    const double down = std::sqrt(target * target - up * up);
    c.rule = kernels::SamplerRule::kAncestral;
    c.slope = static_cast<T>((down - s) / s);
    c.up = static_cast<T>(up);
    return c;
  }
  const bool is_unipc = kind_ == SamplerKind::kUniPC;
  c.rule = is_unipc ? kernels::SamplerRule::kCorrected : kernels::SamplerRule::kMultistep;
  if (!c.is_last) {
    c.keep = static_cast<T>(target / s);
    c.take = static_cast<T>(1 - target / s);
  }
  if (cleans_.empty()) return c;
  if (!c.is_last) {
    const double r = std::log(sigma(step - 1) / s) / std::log(s / target);
    // UniP-2 has a single coefficient, which the paper sets to 1/2.
    c.slope = static_cast<T>(is_unipc ? (1 - target / s) * 0.5 / -r : 0.5 / r);
  }
  if (!is_unipc) return c;
  // The last prediction is corrected: only the start of its step and the new x0 count.
  const double before = sigma(step - 1), h = std::log(before / s);
  const double b = 1 - s / before;  // e^-h - 1 with the opposite sign
  c.old_keep = static_cast<T>(s / before);
  c.old_take = static_cast<T>(b);
  c.now = static_cast<T>(b * 0.5);
  if (cleans_.size() < 2) return c;
  // Coefficients (Zhao et al. 2023, section 3.2): rows of powers of r1 = -h_before / h and r2 = 1 against
  // phi_2 and 2 phi_3 over B, for data prediction, where h is negative.
  const double r = -std::log(sigma(step - 2) / before) / h;
  const double phi1 = std::expm1(-h) / -h, phi2 = (phi1 - 1) / -h, phi3 = (phi2 - 0.5) / -h;
  const double b1 = phi2 / phi1, b2 = 2 * phi3 / phi1;
  const double rho1 = (b2 - b1) / (r - 1), rho2 = b1 - rho1;
  c.then = static_cast<T>(rho1 / r);
  c.now = static_cast<T>(rho2);
  return c;
}

template <typename T>
void Sampler::run(const at::Tensor& x, const Predicted& output, int step, const at::Tensor& noise,
                  at::Tensor& clean, at::Tensor* next, at::Tensor* corrected) const {
  const auto data = [](const at::Tensor& values) { return values.const_data_ptr<T>(); };
  const at::Tensor sample = x.contiguous();
  const at::Tensor conditional = as_planes(output.conditional);
  at::Tensor unconditional, drawn;
  kernels::SamplerStep<T> s = coefficients<T>(step);
  s.x = data(sample);
  s.count = sample.numel();
  s.conditional = data(conditional);
  s.planes = planes_of(conditional);
  s.guidance = static_cast<T>(output.guidance);
  if (output.unconditional.defined()) {
    unconditional = as_planes(output.unconditional);
    s.unconditional = data(unconditional);
  }
  if (noise.defined()) {
    drawn = noise.contiguous();
    s.noise = data(drawn);
  }
  if (!cleans_.empty()) s.before = data(cleans_.back());
  if (cleans_.size() > 1) s.earlier = data(cleans_.front());
  if (start_.defined()) s.start = data(start_);
  const auto result = [&] { return at::empty(sample.sizes(), sample.options()); };
  clean = result();
  s.clean = clean.mutable_data_ptr<T>();
  if (next) {
    *next = result();
    s.next = next->mutable_data_ptr<T>();
  }
  if (corrected) {
    *corrected = result();
    s.corrected = corrected->mutable_data_ptr<T>();
  }
  if constexpr (std::is_same_v<T, float>) {
    launch_on(sample.device(), RELIEVO_LAUNCHERS(take_sampler_step), s);
  } else {
    kernels::take_sampler_step_double_cpu(s);
  }
}

void Sampler::run(const at::Tensor& x, const Predicted& output, int step, const at::Tensor& noise,
                  at::Tensor& clean, at::Tensor* next, at::Tensor* corrected) const {
  if (x.scalar_type() == at::kDouble && x.is_cpu()) {
    run<double>(x, output, step, noise, clean, next, corrected);
  } else {
    run<float>(x, output, step, noise, clean, next, corrected);
  }
}

at::Tensor Sampler::clean(const at::Tensor& x, const Predicted& output, int step) const {
  at::Tensor clean;
  run(x, output, step, {}, clean, nullptr, nullptr);
  return clean;
}

at::Tensor Sampler::step(const at::Tensor& x, const Predicted& output, int step, const at::Tensor& noise) {
  at::Tensor clean, next, start;
  const bool corrects = kind_ == SamplerKind::kUniPC;
  run(x, output, step, noise, clean, &next, corrects ? &start : nullptr);
  if (kind_ == SamplerKind::kEulerAncestral) return next;
  start_ = start;
  cleans_.push_back(clean);
  if (cleans_.size() > 2) cleans_.erase(cleans_.begin());
  return next;
}

}  // namespace relievo
