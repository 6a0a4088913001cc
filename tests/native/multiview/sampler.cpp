#include "multiview/sampler.h"

#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"

namespace relievo {
namespace {

/// Levels from sigma 20 to 0.05 that fall by a slowly changing factor, so that no step equals the last.
NoiseLevels smooth_levels(int steps) {
  NoiseLevels levels;
  for (int i = 0; i <= steps; ++i) {
    const double u = static_cast<double>(i) / steps;
    levels.sigmas.push_back(
        static_cast<float>(std::exp(std::log(20.0) + (u + 0.2 * u * (1 - u)) * std::log(0.05 / 20))));
    levels.timesteps.push_back(static_cast<float>(i));
  }
  levels.timesteps.pop_back();
  levels.initial_sigma = levels.sigmas[0];
  return levels;
}

/// Error of a run against the exact solution of the probability flow for data of variance d^2 around zero:
/// x0 = x d^2 / (d^2 + s^2), x(s) = x(S) sqrt((d^2 + s^2) / (d^2 + S^2)).
double error_of_a_run(SamplerKind kind, int steps) {
  constexpr double kVariance = 0.5;
  const NoiseLevels levels = smooth_levels(steps);
  Sampler sampler(kind, Prediction::kNoise, levels);
  at::Tensor x = at::full({1}, 7.0, at::kDouble);
  for (int i = 0; i < steps; ++i) {
    const double s = sampler.sigma(i);
    x = sampler.step(x, x * (s / (kVariance + s * s)), i);
  }
  const double first = levels.sigmas.front(), last = levels.sigmas.back();
  const double exact = 7.0 * std::sqrt((kVariance + last * last) / (kVariance + first * first));
  return std::abs(x.item<double>() - exact) / exact;
}

TEST(Sampler, DpmSolverConvergesWithTheSquareOfTheStep) {
  const double order = std::log2(error_of_a_run(SamplerKind::kDpmSolver2M, 80) /
                                 error_of_a_run(SamplerKind::kDpmSolver2M, 160));
  EXPECT_GT(order, 1.8);
  EXPECT_LT(order, 2.4);
}

TEST(Sampler, UniPCConvergesFasterThanTheSquareOfTheStep) {
  const double order =
      std::log2(error_of_a_run(SamplerKind::kUniPC, 80) / error_of_a_run(SamplerKind::kUniPC, 160));
  EXPECT_GT(order, 2.5);
  EXPECT_LT(error_of_a_run(SamplerKind::kUniPC, 20), error_of_a_run(SamplerKind::kDpmSolver2M, 20));
}

TEST(Sampler, LastStepToZeroNoiseGivesTheCleanSample) {
  for (const auto kind : {SamplerKind::kDpmSolver2M, SamplerKind::kUniPC, SamplerKind::kEulerAncestral}) {
    for (const int steps : {1, 2, 5}) {
      Sampler sampler(kind, Prediction::kVelocity, noise_levels({}, steps));
      at::Tensor x = at::ones({3}) * sampler.initial_sigma(), x0;
      for (int i = 0; i < steps; ++i) {
        const at::Tensor out = at::sin(x) * 0.3;
        x0 = sampler.clean(x, out, i);
        x = sampler.step(x, out, i, at::zeros({3}));
      }
      if (kind != SamplerKind::kUniPC) {
        EXPECT_LT((x - x0).abs().max().item<float>(), 1e-4f) << steps;
      } else {
        EXPECT_TRUE(x.equal(x0)) << steps;
      }
    }
  }
}

TEST(Sampler, ImpossibleSettingsAreRefused) {
  for (const int steps : {0, -3, 1001}) {
    expect_error(ErrorCode::kInvalidSettings, fmt::format("Invalid steps '{}'.", steps),
                 [&] { noise_levels({}, steps); });
  }
  expect_error(ErrorCode::kInvalidSettings, "ddim", [] { sampler_kind("ddim"); });
  EXPECT_EQ(sampler_kind("unipc"), SamplerKind::kUniPC);
}

}  // namespace
}  // namespace relievo
