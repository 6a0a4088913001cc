// One source is compiled for several CPUs, and the program picks the version for its CPU when it starts.
#pragma once

#include <bit>
#include <cstdint>

// Sanitizers are excluded because their checks would run before the choice can be made.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define RELIEVO_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RELIEVO_VECTOR_CLONES
#endif
#define RELIEVO_INLINE inline __attribute__((always_inline))

namespace relievo::kernels {

/// Computes e^x to 2 units in the last place, without a branch, so that loops over it become vectors. x is
/// clamped to -87..88.
RELIEVO_INLINE float vector_exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  // Adding and subtracting 1.5 * 2^23 rounds to an integer.
  constexpr float kRound = 12582912.0f;
  const float n = (x * 1.442695041f + kRound) - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;  // coefficients of Cephes' expf
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
}

/// Computes x / (1 + e^-x).
RELIEVO_INLINE float vector_silu(float x) { return x / (1.0f + vector_exp(-x)); }

}  // namespace relievo::kernels
