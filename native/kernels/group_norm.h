// Group normalisation (Wu and He 2018) of pictures whose channels lie last in memory, with the SiLU that
// follows it in diffusion networks, in two readings and one writing. torch's own loses the variance of flat
// pictures there: it takes the difference of two large sums.
#pragma once

#include <cstdint>

namespace relievo::kernels {

struct GroupNorm {
  const void* in = nullptr;  ///< [batch, pixels, channels] float, or bfloat16
  void* out = nullptr;       ///< the same; may be `in`
  bool is_bfloat16 = false;
  const float* weight = nullptr;  ///< [channels]
  const float* bias = nullptr;    ///< [channels]
  int64_t batch = 0;
  int64_t pixels = 0;
  int64_t channels = 0;
  int64_t groups = 0;  ///< divides channels
  double epsilon = 0;
  bool with_silu = false;
};

void group_norm_cpu(const GroupNorm& norm);

}  // namespace relievo::kernels
