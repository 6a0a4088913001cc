// GEGLU (Shazeer 2020) after its first layer: torch's operators would write and read the gate once more.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/body.h"
#include "kernels/half.h"

namespace relievo::kernels {

struct GatedGelu {
  NumberType type = NumberType::kFloat;
  const void* in = nullptr;  ///< [rows, 2 width]: values, then gates
  void* out = nullptr;       ///< [rows, width], written
  int64_t rows = 0;
  int64_t width = 0;
};

template <typename T>
RELIEVO_BODY void gate_at(const GatedGelu& s, int64_t index) {
  const T* const row = static_cast<const T*>(s.in) + index / s.width * 2 * s.width + index % s.width;
  constexpr float kInverseRootOfTwo = 0.70710678f;
  const float gate = float_of(row[s.width]);
  const float gelu = gate * 0.5f * (1 + erff(gate * kInverseRootOfTwo));
  static_cast<T*>(s.out)[index] = rounded<T>(float_of(row[0]) * gelu);
}

/// Computes floats or bfloat16 on the processor, as kernels/activations.h does.
void gate_cpu(const GatedGelu& gelu);
// As in kernels/noise.h.
void gate_cuda(const GatedGelu& gelu, void* cuda_stream);

}  // namespace relievo::kernels
