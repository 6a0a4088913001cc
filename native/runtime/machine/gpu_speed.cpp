#include "runtime/machine/gpu_speed.h"

namespace relievo {
namespace {

/// Cores of a multiprocessor, and the operations that its tensor cores do in a clock in half precision:
/// NVIDIA's papers on the architectures Turing, Ampere (GA100, GA102), Ada, Hopper and Blackwell.
struct Multiprocessor {
  int compute;  ///< from this compute capability on
  double cores, tensor_operations;
};
constexpr Multiprocessor kMultiprocessors[] = {
    {75, 64, 1024}, {80, 64, 2048}, {86, 128, 1024}, {90, 128, 4096}, {100, 128, 8192}, {120, 128, 1024},
};

double reached(double operations, double bytes, double operations_per_byte) {
  // A third to a half of the arithmetic is what convolutions of UNets reach in practice.
  constexpr double kShare = 0.4;
  if (operations <= 0) return 0;
  const double computing = 1 / (kShare * operations);
  return 1 / (computing + (bytes > 0 ? 1 / (bytes * operations_per_byte) : 0));
}

}  // namespace

GpuRates data_sheet(const GpuBuild& build) {
  GpuRates rates;
  rates.memory_bytes = 2.0 * build.memory_clock_mhz * 1e6 * build.memory_bus_bits / 8;  // twice in a clock
  const Multiprocessor* kind = nullptr;
  for (const Multiprocessor& each : kMultiprocessors) {
    if (build.compute >= each.compute) kind = &each;
  }
  const double clock = 1e6 * build.clock_mhz;
  rates.single = 2.0 * build.cores * clock;
  if (kind) rates.half = build.cores / kind->cores * kind->tensor_operations * clock;
  if (build.halves_with_fp32_sums) rates.half /= 2;
  return rates;
}

GpuSpeed expected_speed(const GpuRates& rates) {
  // The operations for which a byte comes from memory or goes there; half as many where numbers are twice as
  // long.
  constexpr double kPerByte = 57;
  return {reached(rates.single, rates.memory_bytes, kPerByte / 2),
          reached(rates.half, rates.memory_bytes, kPerByte)};
}

}  // namespace relievo
