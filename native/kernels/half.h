// Half-precision numbers by their bits, for bodies that the host and the device compile: neither has the
// other's types.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/body.h"

namespace relievo::kernels {

struct BFloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

/// The type of a tensor's numbers.
enum class NumberType : int32_t { kFloat, kBFloat16, kFloat16 };

RELIEVO_BODY uint32_t bits_of(float value) {
  uint32_t bits = 0;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
RELIEVO_BODY float float_of_bits(uint32_t bits) {
  float value = 0;
  memcpy(&value, &bits, sizeof value);
  return value;
}

RELIEVO_BODY float float_of(float value) { return value; }
RELIEVO_BODY float float_of(BFloat16 value) { return float_of_bits(static_cast<uint32_t>(value.bits) << 16); }
RELIEVO_BODY float float_of(Float16 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000u) << 16, rest = value.bits & 0x7fffu;
  constexpr uint32_t kInfinity = 0x7c00u;
  if (rest >= kInfinity) return float_of_bits(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
  return float_of_bits(sign | bits_of(float_of_bits(rest << 13) * 0x1p112f));
}

/// Calls `use(T())` with the type that the number type names.
template <typename Use>
void for_number_type(NumberType type, const Use& use) {
  switch (type) {
    case NumberType::kFloat:
      return use(float());
    case NumberType::kBFloat16:
      return use(BFloat16());
    case NumberType::kFloat16:
      return use(Float16());
  }
}

/// Rounds to the nearest, halves to even.
template <typename T>
RELIEVO_BODY T rounded(float value);

template <>
RELIEVO_BODY float rounded<float>(float value) {
  return value;
}
template <>
RELIEVO_BODY BFloat16 rounded<BFloat16>(float value) {
  const uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fc0};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
template <>
RELIEVO_BODY Float16 rounded<Float16>(float value) {
  const uint32_t all = bits_of(value), sign = all >> 16 & 0x8000u, bits = all & 0x7fffffffu;
  uint32_t half = 0;
  if (bits >= 0x47800000u) {  // 2^16 and more, and what is no number
    half = bits > 0x7f800000u ? 0x7e00u : 0x7c00u;
  } else if (bits < 0x38800000u) {  // below 2^-14 the last place has a fixed size, which the sum rounds to
    half = bits_of(float_of_bits(bits) + 0.5f) - 0x3f000000u;
  } else {
    half = (bits + 0xc8000fffu + ((bits >> 13) & 1u)) >> 13;
  }
  return {static_cast<uint16_t>(sign | half)};
}

}  // namespace relievo::kernels
