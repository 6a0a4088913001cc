// schedulers and zero123: the multi-view diffusion and its parts.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "multiview/sampler.h"
#include "verify/checks.h"

namespace relievo {
namespace {

using nlohmann::json;

constexpr Tolerance kSchedule{.relative = 1e-5};

Diffusion diffusion_of(const json& settings, const std::string& schedule, const std::string& spacing,
                       const std::string& prediction) {
  Diffusion diffusion;
  diffusion.train_steps = settings.at("num_train_timesteps");
  diffusion.beta_start = settings.at("beta_start");
  diffusion.beta_end = settings.at("beta_end");
  diffusion.steps_offset = settings.at("steps_offset");
  diffusion.betas = schedule == "linear" ? BetaSchedule::kLinear : BetaSchedule::kScaledLinear;
  diffusion.spacing = spacing == "trailing"   ? Spacing::kTrailing
                      : spacing == "linspace" ? Spacing::kLinspace
                                              : Spacing::kLeading;
  diffusion.prediction = prediction == "epsilon" ? Prediction::kNoise : Prediction::kVelocity;
  return diffusion;
}

std::vector<std::string> parts_of(const std::string& name) {
  std::vector<std::string> parts{""};
  for (const char c : name) {
    if (c == '/') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// `<schedule>/<spacing>/<steps>/{timesteps,sigmas}`.
void check_levels(Fixture& fixture, const std::string& name) {
  const auto parts = parts_of(name);
  const json& config = fixture.config();
  const Diffusion diffusion = diffusion_of(config.at("base"), parts[0], parts[1], "v_prediction");
  const NoiseLevels levels = noise_levels(diffusion, std::stoi(parts[2]));
  const at::Tensor ours = at::tensor(parts[3] == "sigmas" ? levels.sigmas : levels.timesteps);
  if (parts[3] == "timesteps") {
    fixture.compare(name, ours, {});
    const double theirs =
        config.at("cases").at(parts[0] + "/" + parts[1] + "/" + parts[2]).at("init_noise_sigma");
    fixture.record(name, std::abs(levels.initial_sigma - theirs) / theirs, 1e-5);
    return;
  }
  // Each sigma relative to itself.
  const at::Tensor theirs = fixture.read(name);
  const at::Tensor error = (ours - theirs).abs() / theirs.abs().clamp_min(1e-30);
  fixture.record(name, error.max().item<double>(), 1e-5);
}

/// `run/<schedule>/<prediction>/`: a whole run with the stand-in model of the fixture's note.
void check_run(Fixture& fixture, const std::string& prefix) {
  const auto parts = parts_of(prefix);
  const Diffusion diffusion = diffusion_of(fixture.config().at("base"), parts[1], "trailing", parts[2]);
  const at::Tensor noise = fixture.read(prefix + "noise_steps");
  const int steps = static_cast<int>(noise.size(0));
  Sampler sampler(SamplerKind::kEulerAncestral, diffusion.prediction, noise_levels(diffusion, steps));
  at::Tensor x = fixture.read(prefix + "noise_init") * sampler.initial_sigma();
  std::vector<at::Tensor> inputs, outputs, samples, cleans;
  for (int i = 0; i < steps; ++i) {
    inputs.push_back(sampler.input(x, i));
    outputs.push_back(inputs.back() * 0.3 + 0.1 * (sampler.timestep(i) / 1000) -
                      at::roll(inputs.back(), 1, -1) * 0.2);
    cleans.push_back(sampler.clean(x, outputs.back(), i));
    x = sampler.step(x, outputs.back(), i, noise[i]);
    samples.push_back(x);
  }
  fixture.compare(prefix + "scaled_inputs", at::stack(inputs), kSchedule);
  fixture.compare(prefix + "model_out", at::stack(outputs), kSchedule);
  fixture.compare(prefix + "samples", at::stack(samples), kSchedule);
  fixture.compare(prefix + "pred_x0", at::stack(cleans), kSchedule);
}

/// `addnoise/<schedule>/`: latents noised at several steps.
void check_added_noise(Fixture& fixture, const std::string& prefix) {
  const Diffusion diffusion =
      diffusion_of(fixture.config().at("base"), parts_of(prefix)[1], "trailing", "v_prediction");
  const at::Tensor clean = fixture.read("addnoise/cond_lat"), noise = fixture.read("addnoise/noise");
  const at::Tensor times = fixture.read(prefix + "t");
  std::vector<at::Tensor> noisy, scaled;
  for (int64_t i = 0; i < times.numel(); ++i) {
    const double sigma = sigma_at(diffusion, times[i].item<int>());
    scaled.push_back(noised_input(clean, noise, sigma));
    noisy.push_back(scaled.back() * std::hypot(sigma, 1.0));
  }
  fixture.compare(prefix + "euler_noisy", at::stack(noisy), kSchedule);
  fixture.compare(prefix + "euler_noisy_scaled", at::stack(scaled), kSchedule);
  fixture.compare(prefix + "ddpm_noisy", at::stack(scaled), kSchedule);
}

}  // namespace

void check_schedulers(Fixture& fixture) {
  for (const std::string& name : fixture.tensors()) {
    const auto parts = parts_of(name);
    const std::string folder = name.substr(0, name.rfind('/') + 1);
    if (parts[0] == "run") {
      if (parts.back() == "noise_init") check_run(fixture, folder);
    } else if (parts[0] == "addnoise") {
      if (parts.back() == "t") check_added_noise(fixture, folder);
    } else if (parts.size() == 4) {
      check_levels(fixture, name);
    } else {
      const Diffusion diffusion =
          diffusion_of(fixture.config().at("base"), parts[0], "trailing", "v_prediction");
      fixture.compare(name, parts[1] == "betas" ? beta_values(diffusion) : cumulative_alphas(diffusion),
                      {.absolute = 1e-6});
    }
  }
}

}  // namespace relievo
