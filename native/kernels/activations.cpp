#include "kernels/activations.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "kernels/gated_gelu.h"
#include "kernels/vector_clones.h"

namespace relievo::kernels {
namespace {

// Numbers that go together. Fewer, at an end, are filled up, so that the same instructions compute them.
constexpr int64_t kTogether = 64;
constexpr int64_t kBlock = int64_t{1} << 14;  // numbers that one thread computes at a time

/// By formula 7.1.26 of Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), for erfc.
RELIEVO_INLINE float gelu_of(float x) {
  const float z = std::abs(x) * 0.70710678f, t = 1.0f / (1.0f + 0.3275911f * z);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float beyond = 0.5f * p * t * vector_exp(-z * z);  // the integral beyond |x|
  return x * (x < 0 ? beyond : 1.0f - beyond);
}

enum class Function { kSilu, kGelu, kGatedGelu };

/// `values` are those that the gates `in` are multiplied with, or not read. Numbers of 16 bits are turned
/// beforehand and afterwards, because a loop's vectors have as many numbers as those of its smallest type.
template <Function F, typename T>
RELIEVO_INLINE void apply_together(const T* in, const T* values, T* out) {
  float y[kTogether];
  for (int64_t i = 0; i < kTogether; ++i) y[i] = float_of(in[i]);
  for (float& x : y) x = F == Function::kSilu ? vector_silu(x) : gelu_of(x);
  if constexpr (F == Function::kGatedGelu) {
    for (int64_t i = 0; i < kTogether; ++i) y[i] *= float_of(values[i]);
  }
  for (int64_t i = 0; i < kTogether; ++i) out[i] = rounded<T>(y[i]);
}

template <Function F, typename T>
RELIEVO_INLINE void apply_all(const T* in, const T* values, T* out, int64_t count) {
  constexpr bool kHasValues = F == Function::kGatedGelu;
  int64_t at = 0;
  for (; at + kTogether <= count; at += kTogether) {
    apply_together<F>(in + at, kHasValues ? values + at : nullptr, out + at);
  }
  if (at == count) return;
  T some[kTogether] = {}, some_values[kTogether] = {}, results[kTogether];
  std::copy(in + at, in + count, some);
  if (kHasValues) std::copy(values + at, values + count, some_values);
  apply_together<F>(some, some_values, results);
  std::copy(results, results + (count - at), out + at);
}

RELIEVO_VECTOR_CLONES void silu_floats(const float* in, float* out, int64_t count) {
  apply_all<Function::kSilu>(in, in, out, count);
}
RELIEVO_VECTOR_CLONES void silu_bfloats(const BFloat16* in, BFloat16* out, int64_t count) {
  apply_all<Function::kSilu>(in, in, out, count);
}
RELIEVO_VECTOR_CLONES void gelu_floats(const float* in, float* out, int64_t count) {
  apply_all<Function::kGelu>(in, in, out, count);
}
RELIEVO_VECTOR_CLONES void gelu_bfloats(const BFloat16* in, BFloat16* out, int64_t count) {
  apply_all<Function::kGelu>(in, in, out, count);
}
RELIEVO_VECTOR_CLONES void gate_floats(const float* in, const float* values, float* out, int64_t count) {
  apply_all<Function::kGatedGelu>(in, values, out, count);
}
RELIEVO_VECTOR_CLONES void gate_bfloats(const BFloat16* in, const BFloat16* values, BFloat16* out,
                                        int64_t count) {
  apply_all<Function::kGatedGelu>(in, values, out, count);
}

/// Calls one of two functions with parts of the numbers, on several threads.
template <typename Floats, typename BFloats>
void in_parts(const Activation& a, const Floats& floats, const BFloats& bfloats) {
  parallel_for(a.count, kBlock, [&](int64_t first, int64_t last) {
    if (a.is_bfloat16) {
      bfloats(static_cast<const BFloat16*>(a.in) + first, static_cast<BFloat16*>(a.out) + first,
              last - first);
    } else {
      floats(static_cast<const float*>(a.in) + first, static_cast<float*>(a.out) + first, last - first);
    }
  });
}

template <typename T, typename Gate>
void gate_rows(const GatedGelu& s, const Gate& gate) {
  parallel_for(s.rows, std::max<int64_t>(kBlock / s.width, 1), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      const T* values = static_cast<const T*>(s.in) + row * 2 * s.width;
      gate(values + s.width, values, static_cast<T*>(s.out) + row * s.width, s.width);
    }
  });
}

}  // namespace

void silu_cpu(const Activation& activation) { in_parts(activation, silu_floats, silu_bfloats); }
void gelu_cpu(const Activation& activation) { in_parts(activation, gelu_floats, gelu_bfloats); }

void gate_cpu(const GatedGelu& gelu) {
  if (gelu.type == NumberType::kBFloat16) {
    gate_rows<BFloat16>(gelu, gate_bfloats);
  } else {
    gate_rows<float>(gelu, gate_floats);
  }
}

}  // namespace relievo::kernels
