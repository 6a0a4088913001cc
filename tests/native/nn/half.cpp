#include "kernels/half.h"

#include <cmath>
#include <random>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

// torch's conversions are the second source.
TEST(HalfNumbers, AreWidenedAsTorchWidensThem) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float ours = float_of(Float16{half}), theirs = c10::Half(half, c10::Half::from_bits());
    const float wide = float_of(BFloat16{half}), other = c10::BFloat16(half, c10::BFloat16::from_bits());
    ASSERT_TRUE(ours == theirs || (std::isnan(ours) && std::isnan(theirs))) << bits;
    ASSERT_TRUE(wide == other || (std::isnan(wide) && std::isnan(other))) << bits;
  }
}

TEST(HalfNumbers, AreRoundedAsTorchRoundsThem) {
  std::mt19937 source(3);
  const auto check = [](float value) {
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(float_of(rounded<Float16>(value))) &&
                  std::isnan(float_of(rounded<BFloat16>(value))));
      return;
    }
    ASSERT_EQ(rounded<Float16>(value).bits, c10::Half(value).x) << value;
    ASSERT_EQ(rounded<BFloat16>(value).bits, c10::BFloat16(value).x) << value;
  };
  for (int i = 0; i < 1000000; ++i) check(float_of_bits(static_cast<uint32_t>(source())));
  // Halves between neighbours, and the ends of the range.
  for (uint32_t bits = 0; bits < 0x7c00u; ++bits) {
    const float low = float_of(Float16{static_cast<uint16_t>(bits)}),
                high = float_of(Float16{static_cast<uint16_t>(bits + 1)});
    if (std::isinf(high)) continue;
    check((low + high) / 2);
    check(-(low + high) / 2);
  }
  for (const float value : {65504.0f, 65519.9f, 65520.0f, 1e30f, 0.0f, -0.0f, 3e-8f, 2.9e-8f}) check(value);
}

}  // namespace
}  // namespace relievo::kernels
