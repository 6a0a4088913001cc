// What a GPU that nobody has measured can be expected to do, told from what its driver says of it.
#pragma once

#include <string>

namespace relievo {

/// What the driver tells of a GPU; 0 where it does not tell.
struct GpuBuild {
  int compute = 0;                     ///< compute capability, 75 for 7.5
  int cores = 0;                       ///< CUDA cores in all
  int clock_mhz = 0;                   ///< the highest clock of its processors
  int memory_clock_mhz = 0;            ///< the highest clock of its memory
  int memory_bus_bits = 0;             ///< the width of the bus to its memory
  double host_bytes_per_second = 0;    ///< of its PCIe link, in one direction
  bool halves_with_fp32_sums = false;  ///< GeForce cards add up in float32 at half the rate

  bool operator==(const GpuBuild&) const = default;
};

/// The rates that its data sheet has: operations a second (a multiplication and its addition are two),
/// without sparsity, and bytes a second of its memory. 0 where they cannot be told.
struct GpuRates {
  double single = 0;  ///< operations in float32, on its cores
  double half = 0;    ///< operations in bfloat16 or float16 with sums in float32, on its tensor cores
  double memory_bytes = 0;
};
GpuRates data_sheet(const GpuBuild& build);

/// What networks like ours reach of that: operations a second in float32 and in half precision, 0 where the
/// data sheet is not known. An operation takes the time of a share of the arithmetic and that of its share of
/// the memory's bandwidth one after the other (Williams, Waterman and Patterson, Roofline, 2009, with a sum
/// in place of the larger). The two shares are such that an A100 of 80 GiB has kGpuSpeed in half precision.
struct GpuSpeed {
  double single = 0, half = 0;
};
GpuSpeed expected_speed(const GpuRates& rates);

}  // namespace relievo
