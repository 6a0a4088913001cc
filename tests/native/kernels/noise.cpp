#include "kernels/noise.h"

#include <vector>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

// Known answers published with Random123 (kat_vectors, philox4x32 10).
TEST(Philox, GivesThePublishedAnswers) {
  const auto expect = [](PhiloxWords counter, uint32_t key0, uint32_t key1, std::vector<uint32_t> answer) {
    const PhiloxWords words = philox(counter, key0, key1);
    EXPECT_EQ(std::vector<uint32_t>(words.word, words.word + 4), answer);
  };
  expect({{0, 0, 0, 0}}, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  expect({{~0u, ~0u, ~0u, ~0u}}, ~0u, ~0u, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  expect({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0xa4093822, 0x299f31d0,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

std::vector<float> drawn(NoiseStream stream, int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  stream.values = values.data();
  stream.count = count;
  draw_noise_cpu(stream);
  return values;
}

TEST(Noise, IsStandardNormal) {
  const std::vector<float> values = drawn({.seed = 3}, 400001);
  double moments[5] = {};
  for (const float v : values) {
    for (int k = 1; k < 5; ++k) moments[k] += std::pow(v, k) / static_cast<double>(values.size());
  }
  // Five standard errors of each moment's mean.
  EXPECT_NEAR(moments[1], 0, 0.008);
  EXPECT_NEAR(moments[2], 1, 0.012);
  EXPECT_NEAR(moments[3], 0, 0.031);
  EXPECT_NEAR(moments[4], 3, 0.078);
}

TEST(Noise, DependsOnEverythingItIsFor) {
  const std::vector<float> first = drawn({.seed = 3}, 64);
  EXPECT_EQ(first, drawn({.seed = 3}, 64));
  for (const NoiseStream& other : {NoiseStream{.seed = 4}, NoiseStream{.seed = 3 + (uint64_t{1} << 40)},
                                   NoiseStream{.seed = 3, .picture = 1}, NoiseStream{.seed = 3, .kind = 1},
                                   NoiseStream{.seed = 3, .step = 1}}) {
    EXPECT_NE(first, drawn(other, 64));
  }
}

// glibc's functions in 64 bits of mantissa are the second source; 5e-16 is some units in the last place.
TEST(Noise, HasALogarithmASineAndACosineOfItsOwn) {
  constexpr long double kTwoPi = 6.283185307179586476925286766559L;
  const auto compare = [](uint32_t word) {
    const double unit = (word + 0.5) / 4294967296.0;
    const long double log = std::log(static_cast<long double>(unit));
    ASSERT_LT(std::abs((exact_log(unit) - log) / log), 5e-16L) << word;
    const SineCosine found = exact_sine_cosine(unit);
    ASSERT_LT(std::abs(found.sine - std::sin(kTwoPi * unit)), 5e-16L) << word;
    ASSERT_LT(std::abs(found.cosine - std::cos(kTwoPi * unit)), 5e-16L) << word;
  };
  for (uint32_t i = 0; i < 1000; ++i) {
    for (const uint32_t place : {i, ~i, (1u << 31) - 500 + i, (1u << 29) - 500 + i, (7u << 29) - 500 + i}) {
      ASSERT_NO_FATAL_FAILURE(compare(place));
    }
  }
  for (uint32_t i = 0; i < 200000; ++i) ASSERT_NO_FATAL_FAILURE(compare(i * 2654435761u));
}

TEST(Noise, IsTheSameByTheCudaLauncher) {
  const std::vector<float> expected = drawn({.seed = 9, .picture = 2}, 1001);
  std::vector<float> values(1001);
  draw_noise_cuda({.seed = 9, .picture = 2, .values = values.data(), .count = 1001}, nullptr);
  EXPECT_EQ(values, expected);
}

}  // namespace
}  // namespace relievo::kernels
