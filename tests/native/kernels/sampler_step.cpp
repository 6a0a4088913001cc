#include "kernels/sampler_step.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

std::vector<float> wave(size_t count, double frequency) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(std::sin(frequency * double(i + 1)));
  return values;
}

TEST(NetworkInputKernel, WritesEachHalfWithItsChannelsLast) {
  constexpr int64_t kChannels = 4, kPixels = 15, kHalves = 2, kCount = kChannels * kPixels,
                    kStride = 2 * kCount;
  const auto clean = wave(kHalves * kCount, 0.7), noise = wave(kHalves * kCount, 1.3);
  std::vector<float> cpu(kHalves * kStride, 9), cuda = cpu;
  NetworkInput input{.clean = clean.data(),
                     .noise = noise.data(),
                     .sigma = 3,
                     .scale = 1.7f,
                     .halves = kHalves,
                     .count = kCount,
                     .stride = kCount,
                     .out = cpu.data(),
                     .out_stride = kStride,
                     .planes = {.pixels = kPixels, .of_channel = 1, .of_pixel = kChannels}};
  write_network_input_cpu(input);
  for (int64_t half = 0; half < kHalves; ++half) {
    for (int64_t i = 0; i < kCount; ++i) {
      const auto from = static_cast<size_t>(half * kCount + i);
      const auto to = static_cast<size_t>(half * kStride + i % kPixels * kChannels + i / kPixels);
      ASSERT_FLOAT_EQ(cpu[to], (clean[from] + noise[from] * 3) / 1.7f);
    }
    ASSERT_EQ(cpu[static_cast<size_t>(half * kStride + kCount)], 9) << "another picture's";
  }
  input.out = cuda.data();
  write_network_input_cuda(input, nullptr);
  EXPECT_EQ(cuda, cpu);
}

TEST(SamplerStepKernel, IsTheSameByTheCudaLauncher) {
  constexpr int64_t kCount = 1001;
  const auto x = wave(kCount, 0.3), a = wave(kCount, 0.9), b = wave(kCount, 1.7), noise = wave(kCount, 2.1),
             before = wave(kCount, 0.2), earlier = wave(kCount, 0.5), start = wave(kCount, 0.8);
  for (const auto rule : {SamplerRule::kAncestral, SamplerRule::kMultistep, SamplerRule::kCorrected}) {
    const auto run = [&](auto take) {
      std::vector<float> results(3 * kCount);
      SamplerStep<float> step{.x = x.data(),
                              .conditional = a.data(),
                              .unconditional = b.data(),
                              .planes = {.pixels = kCount, .of_channel = 0, .of_pixel = 1},
                              .guidance = 4.1f,
                              .clean_divisor = 7.3f,
                              .clean_factor = 0.9f,
                              .rule = rule,
                              .noise = noise.data(),
                              .slope = 0.37f,
                              .up = 0.21f,
                              .before = before.data(),
                              .keep = 0.83f,
                              .take = 0.17f,
                              .start = start.data(),
                              .earlier = earlier.data(),
                              .old_keep = 0.77f,
                              .old_take = 0.23f,
                              .now = 0.6f,
                              .then = 0.4f,
                              .clean = results.data(),
                              .corrected = results.data() + kCount,
                              .next = results.data() + 2 * kCount,
                              .count = kCount};
      take(step);
      return results;
    };
    const auto cpu = run([](const SamplerStep<float>& step) { take_sampler_step_cpu(step); });
    EXPECT_EQ(cpu, run([](const SamplerStep<float>& step) { take_sampler_step_cuda(step, nullptr); }));
    EXPECT_NE(cpu[0], 0);
  }
}

}  // namespace
}  // namespace relievo::kernels
