// Logarithm, sine and cosine made of additions, multiplications, divisions alone, which IEEE 754 defines to
// the bit: CPU and GPU agree, which their libraries' functions need not. The compilers are told not to fuse
// a product and a sum (kernels/CMakeLists.txt, cmake/Modules.cmake).
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/body.h"

namespace relievo::kernels {

/// The natural logarithm of a positive, normal number, to some units in the last place.
RELIEVO_BODY double exact_log(double x) {
  constexpr int kMantissaBits = 52, kBias = 1023;
  constexpr uint64_t kMantissa = (uint64_t{1} << kMantissaBits) - 1;
  uint64_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  int exponent = static_cast<int>(bits >> kMantissaBits) - kBias;
  bits = (bits & kMantissa) | (uint64_t{kBias} << kMantissaBits);
  double m = 0;
  memcpy(&m, &bits, sizeof m);
  constexpr double kRootOfTwo = 1.4142135623730951;
  if (m > kRootOfTwo) {
    m *= 0.5;
    ++exponent;
  }
  // x = 2^exponent m, and log(m) = 2 artanh(s) with |s| < 0.172: the series ends below 3e-17 of its sum.
  const double s = (m - 1) / (m + 1), squared = s * s;
  double sum = 0;
  for (int k = 21; k >= 3; k -= 2) sum = (sum + 1.0 / k) * squared;
  const double of_m = 2 * s + 2 * s * sum;
  // log(2) is split into a high and a low part; the high part ends in enough zero bits for an exact product.
  constexpr double kLog2High = 0x1.62e42fee00000p-1, kLog2Low = 0x1.a39ef35793c76p-33;
  return exponent * kLog2High + (exponent * kLog2Low + of_m);
}

struct SineCosine {
  double sine;
  double cosine;
};

/// Sine and cosine of `turn` whole turns (2 pi each), 0 <= turn < 1, to some units in the last place.
RELIEVO_BODY SineCosine exact_sine_cosine(double turn) {
  const int quarter = static_cast<int>(turn * 4 + 0.5);
  constexpr double kQuarterTurn = 1.5707963267948966;
  const double a =
      // The angle is at most an eighth of a turn, and the difference is exact.
      (turn * 4 - quarter) * kQuarterTurn;
  const double squared = a * a;
  // Taylor's series end where a term is below 1e-17.
  double sine = 0, cosine = 0;
  for (int k = 18; k >= 2; k -= 2) {
    cosine = (cosine + 1) * -squared * (1.0 / ((k - 1) * k));
    sine = (sine + 1) * -squared * (1.0 / (k * (k + 1)));
  }
  cosine += 1;
  sine = a + a * sine;
  switch (quarter & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace relievo::kernels
