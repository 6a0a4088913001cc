// The denoising loop on the stand-in's devices: what it gives, what it copies, and how far the host is ahead.
#include <gmock/gmock.h>

#include "../../multiview/tiny_model.h"
#include "../fake_cuda.h"
#include "base/error.h"
#include "nn/noise.h"

namespace relievo {
namespace {

const at::Device kFirst(at::kCUDA, 0), kSecond(at::kCUDA, 1);

class DenoiseOnFakeGpus : public testing::Test {
 protected:
  DenoiseOnFakeGpus() {
    fake_cuda::set_devices({{}, {}});
    at::manual_seed(5);
    whole_ = std::make_shared<Unet>(config_);
    fill_randomly(*whole_);
    conditions_ = {{at::randn({2, 4, 5, 5}), at::randn({2, 7, 24})}};
    execution_.device = kFirst;
  }
  ~DenoiseOnFakeGpus() override { EXPECT_THAT(fake_cuda::take_findings(), testing::IsEmpty()); }

  std::shared_ptr<const Unet> part(int first, int last, at::Device device) const {
    auto part = std::make_shared<Unet>(config_, first, last);
    const auto weights = whole_->named_parameters();
    for (auto& item : part->named_parameters()) item.value().set_data(weights[item.key()].to(device));
    return part;
  }
  std::shared_ptr<const Unet> all_on(at::Device device) const {
    return part(0, Unet::blocks(config_), device);
  }

  at::Tensor run(const DenoiserPlaces& places, const Execution& execution) const {
    return denoise(conditions_, std::vector<NoiseKey>{{.seed = 3}}, places, {}, settings_, execution)[0];
  }

  /// The places that one picture may have on the two devices.
  std::vector<DenoiserPlaces> places() const {
    const int blocks = Unet::blocks(config_);
    DenoiserPlaces apart{.unets = {all_on(kFirst)}};
    apart.halves_together = false;
    return {{.unets = {all_on(kFirst)}},
            apart,
            {.unets = {all_on(kFirst), all_on(kSecond)}},
            {.unets = {part(0, blocks / 2, kFirst), part(blocks / 2, blocks, kSecond)},
             .blocks = {blocks / 2, blocks - blocks / 2}}};
  }

  UnetConfig config_ = tiny_unet();
  std::shared_ptr<Unet> whole_;
  std::vector<Conditions> conditions_;
  MultiviewSettings settings_ = tiny_settings();
  Execution execution_;
};

TEST_F(DenoiseOnFakeGpus, TheLatentsAreThoseOfTheCpu) {
  for (const auto sampler : {SamplerKind::kEulerAncestral, SamplerKind::kDpmSolver2M, SamplerKind::kUniPC}) {
    settings_.sampler = sampler;
    const at::Tensor expected = run({.unets = {whole_}}, {});
    for (const DenoiserPlaces& place : places()) {
      const at::Tensor made = run(place, execution_);
      EXPECT_TRUE(made.is_cpu());
      EXPECT_LT(largest_difference(made, expected), 1e-4 * expected.abs().max().item<double>());
    }
  }
}

// The first and the last copies are as many for three steps as for eight.
TEST_F(DenoiseOnFakeGpus, NothingIsCopiedFromOrToTheHostInAStep) {
  for (const auto sampler : {SamplerKind::kEulerAncestral, SamplerKind::kUniPC}) {
    settings_.sampler = sampler;
    for (const DenoiserPlaces& place : places()) {
      std::vector<int64_t> counts;
      for (const int steps : {3, 8}) {
        settings_.steps = steps;
        const int64_t before = fake_cuda::transfers(0) + fake_cuda::transfers(1);
        run(place, execution_);
        counts.push_back(fake_cuda::transfers(0) + fake_cuda::transfers(1) - before);
      }
      EXPECT_EQ(counts[0], counts[1]);
      EXPECT_GT(counts[0], 0) << "the conditions come from the host and the latents go there";
    }
  }
}

// Each report is of a step that the host knows to be finished, while at most two more are given.
TEST_F(DenoiseOnFakeGpus, TheHostIsNeverMoreThanTwoStepsAhead) {
  const DenoiserPlaces place{.unets = {all_on(kFirst)}};
  settings_.steps = 7;
  std::vector<fake_cuda::StreamProgress> seen;
  execution_.control.progress = Progress([&](double) { seen.push_back(fake_cuda::stream_progress(0)); });
  run(place, execution_);
  ASSERT_EQ(seen.size(), 8u) << "the begin, and each step";
  // Two steps are given before the first report, and then one between two reports.
  const int64_t begin = seen[0].given, step = seen[2].given - seen[1].given;
  ASSERT_GT(step, 50);
  EXPECT_NEAR(static_cast<double>(seen[1].given - begin), 2 * step, 2) << "a step is like another";
  for (int64_t done = 1; done <= 7; ++done) {
    const auto& now = seen[static_cast<size_t>(done)];
    EXPECT_GE(now.awaited - begin, done * step - 2) << "reported before it was finished: " << done;
    EXPECT_LE(now.given - now.awaited, step + 2) << done;
  }
}

TEST_F(DenoiseOnFakeGpus, ACancelledRunGivesTheDeviceNothingMore) {
  const DenoiserPlaces place{.unets = {all_on(kFirst)}};
  settings_.steps = 20;
  int64_t at_cancel = 0;
  execution_.control.progress = Progress([&](double fraction) {
    if (fraction < 0.24) return;
    execution_.control.cancel.cancel();
    at_cancel = fake_cuda::stream_progress(0).given;
  });
  try {
    run(place, execution_);
    FAIL() << "was not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(fake_cuda::stream_progress(0).given, at_cancel) << "nothing is given after it";
}

TEST_F(DenoiseOnFakeGpus, SamplersAndNoiseGiveTheSameBitsOnEveryDevice) {
  const at::Tensor noise = draw_noise({.seed = 5}, 2, 3, {1, 4, 9, 7}, at::kCPU);
  EXPECT_TRUE(draw_noise({.seed = 5}, 2, 3, {1, 4, 9, 7}, kFirst).cpu().equal(noise));
  for (const auto kind : {SamplerKind::kEulerAncestral, SamplerKind::kDpmSolver2M, SamplerKind::kUniPC}) {
    for (const auto prediction : {Prediction::kVelocity, Prediction::kNoise}) {
      const auto run_on = [&](at::Device device) {
        constexpr int kSteps = 6;
        Sampler sampler(kind, prediction, noise_levels({}, kSteps));
        at::manual_seed(6);
        at::Tensor x = (noise * sampler.initial_sigma()).to(device);
        for (int i = 0; i < kSteps; ++i) {
          // The network's predictions have their channels last.
          const auto predicted = [&] {
            return at::randn({1, 4, 9, 7}).contiguous(at::MemoryFormat::ChannelsLast).to(device);
          };
          const at::Tensor conditional = predicted(), unconditional = predicted();
          x = sampler.step(x, {conditional, unconditional, 4.5}, i, at::randn({1, 4, 9, 7}).to(device));
        }
        return x.cpu();
      };
      EXPECT_TRUE(run_on(kFirst).equal(run_on(at::kCPU)));
    }
  }
}

}  // namespace
}  // namespace relievo
