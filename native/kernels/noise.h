// Gaussian noise by counter: every value is a function of what it is for, so it does not depend on the
// device, on the batch or on what was drawn before.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/body.h"
#include "kernels/exact_math.h"

namespace relievo::kernels {

struct PhiloxWords {
  uint32_t word[4];
};

/// Philox4x32 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
RELIEVO_BODY PhiloxWords philox(PhiloxWords counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53u} * counter.word[0];
    const uint64_t b = uint64_t{0xCD9E8D57u} * counter.word[2];
    counter = {{static_cast<uint32_t>(b >> 32) ^ counter.word[1] ^ key0, static_cast<uint32_t>(b),
                static_cast<uint32_t>(a >> 32) ^ counter.word[3] ^ key1, static_cast<uint32_t>(a)}};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

/// A stream of noise: one for each seed, picture, kind and step.
struct NoiseStream {
  uint64_t seed = 0;
  uint32_t picture = 0;
  uint32_t kind = 0;
  uint32_t step = 0;
  float* values = nullptr;  ///< [count], written
  int64_t count = 0;        ///< below 2^33
};

/// One index is two values, by Box and Muller's transform. They are the same to the bit on all devices,
/// because they are computed in double by operations that IEEE 754 defines (sqrt is one).
RELIEVO_BODY void draw_noise_at(const NoiseStream& s, int64_t index) {
  const PhiloxWords words = philox({{static_cast<uint32_t>(index), s.step, s.kind, s.picture}},
                                   static_cast<uint32_t>(s.seed), static_cast<uint32_t>(s.seed >> 32));
  constexpr double kUnit = 1.0 / 4294967296.0;
  const double radius = sqrt(-2 * exact_log((words.word[0] + 0.5) * kUnit));
  const SineCosine angle = exact_sine_cosine((words.word[1] + 0.5) * kUnit);
  s.values[2 * index] = static_cast<float>(radius * angle.cosine);
  if (2 * index + 1 < s.count) s.values[2 * index + 1] = static_cast<float>(radius * angle.sine);
}

void draw_noise_cpu(const NoiseStream& stream);

/// `values` is device memory; `cuda_stream` is a cudaStream_t. Returns without waiting. Throws
/// Error{kDeviceLost} when the launch fails. Only builds with CUDA (RELIEVO_CUDA) have it.
void draw_noise_cuda(const NoiseStream& stream, void* cuda_stream);

}  // namespace relievo::kernels
