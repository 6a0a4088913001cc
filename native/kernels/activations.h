// SiLU and GELU on a processor, in which a number's result depends on itself alone. (torch computes what is
// left at the end of a tensor, and of each thread's part, by other functions than the rest, so that rounding
// depends on the place.)
#pragma once

#include <cstdint>

namespace relievo::kernels {

struct Activation {
  const void* in = nullptr;  ///< [count] numbers, float or bfloat16
  void* out = nullptr;       ///< [count], written; may be `in`
  bool is_bfloat16 = false;
  int64_t count = 0;
};

/// Computes x / (1 + e^-x).
void silu_cpu(const Activation& activation);
/// Computes x times the normal distribution's integral up to x, to 1e-7 of |x|.
void gelu_cpu(const Activation& activation);

}  // namespace relievo::kernels
