// SiLU, GELU and GEGLU of a processor against their definitions in double.
#include "kernels/activations.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/gated_gelu.h"

namespace relievo::kernels {
namespace {

double silu(double x) { return x / (1 + std::exp(-x)); }
double gelu(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

using Function = void (*)(const Activation&);

template <typename T>
std::vector<T> applied(Function function, const std::vector<T>& x) {
  std::vector<T> out(x.size());
  function({.in = x.data(),
            .out = out.data(),
            .is_bfloat16 = sizeof(T) == 2,
            .count = static_cast<int64_t>(x.size())});
  return out;
}

template <typename T = float>
std::vector<T> line(int count, float from, float to) {
  std::vector<T> x;
  for (int i = 0; i < count; ++i)
    x.push_back(rounded<T>(from + (to - from) * static_cast<float>(i) / static_cast<float>(count)));
  return x;
}

TEST(Activations, AreTheDefinitions) {
  const std::vector<float> x = line(40000, -30, 30);
  const std::vector<float> silus = applied(silu_cpu, x), gelus = applied(gelu_cpu, x);
  for (size_t i = 0; i < x.size(); ++i) {
    const double size = std::max(1.0, std::abs(double{x[i]}));
    ASSERT_NEAR(silus[i], silu(x[i]), 2e-7 * size) << x[i];
    ASSERT_NEAR(gelus[i], gelu(x[i]), 2e-7 * size) << x[i];
  }
  EXPECT_TRUE(std::isnan(applied(gelu_cpu, std::vector{std::nanf("")})[0]));
  EXPECT_TRUE(std::isnan(applied(silu_cpu, std::vector{std::nanf("")})[0]));
}

TEST(Activations, RoundBfloat16Once) {
  const std::vector<BFloat16> x = line<BFloat16>(1000, -4, 4);
  const std::vector<BFloat16> silus = applied(silu_cpu, x), gelus = applied(gelu_cpu, x);
  for (size_t i = 0; i < x.size(); ++i) {
    const double number = float_of(x[i]);
    // Half a unit in the last of 8 bits is a 256th at most.
    ASSERT_NEAR(float_of(silus[i]), silu(number), std::abs(silu(number)) / 255 + 1e-7) << number;
    ASSERT_NEAR(float_of(gelus[i]), gelu(number), std::abs(gelu(number)) / 255 + 1e-6) << number;
  }
}

TEST(Activations, DependOnNothingBeside) {
  const std::vector<float> x = line(200, -3, 3);
  for (const Function function : {silu_cpu, gelu_cpu}) {
    const std::vector<float> whole = applied(function, x);
    for (size_t first = 0; first < x.size(); first += 7) {
      for (size_t count = 1; first + count <= x.size(); count += 9) {
        const auto begin = x.begin() + static_cast<std::ptrdiff_t>(first);
        const std::vector<float> part =
            applied(function, std::vector(begin, begin + static_cast<int>(count)));
        ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(first)))
            << first << ", " << count;
      }
    }
  }
}

TEST(Activations, OfGatesMultiplyTheValues) {
  for (const int64_t width : {5, 64, 150}) {
    const int64_t rows = 3;
    const std::vector<float> x = line(static_cast<int>(rows * 2 * width), -3, 3);
    std::vector<float> out(static_cast<size_t>(rows * width));
    gate_cpu({.in = x.data(), .out = out.data(), .rows = rows, .width = width});
    for (int64_t i = 0; i < rows * width; ++i) {
      const auto value = static_cast<size_t>(i / width * 2 * width + i % width);
      const double expected = x[value] * gelu(x[value + static_cast<size_t>(width)]);
      ASSERT_NEAR(out[static_cast<size_t>(i)], expected, 2e-6) << i << " of " << width;
    }
  }
}

}  // namespace
}  // namespace relievo::kernels
