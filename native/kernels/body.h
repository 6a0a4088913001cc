// A kernel is written once, as an inlined function of one index over plain pointers ("body"), and launched by
// a loop on the CPU or by a grid on a GPU. A body touches no other index's output, so no order matters.
#pragma once

#if defined(__CUDACC__)
#define RELIEVO_BODY __host__ __device__ __forceinline__
#else
#define RELIEVO_BODY inline
#endif
