// Group normalisation (Wu and He 2018) of pictures whose channels lie last in memory, with the SiLU that
// follows it in diffusion networks: one reading for the statistics, one for the result. torch's own loses the
// variance of flat pictures there: it takes the difference of two large sums.
#pragma once

#include <cstdint>

namespace relievo::kernels {

struct GroupNorm {
  const void* in = nullptr;  ///< [batch, pixels, channels] float, or bfloat16
  bool is_bfloat16 = false;
  const float* weight = nullptr;  ///< [channels]
  const float* bias = nullptr;    ///< [channels]
  int64_t batch = 0;
  int64_t pixels = 0;
  int64_t channels = 0;
  int64_t groups = 0;  ///< divides channels
  double epsilon = 0;
};

/// Computes normalisation as one multiplication and one addition for these pictures: `out = in * factor +
/// shift`, both [batch, channels].
void group_norm_factors_cpu(const GroupNorm& norm, float* factor, float* shift);

struct ScaleChannels {
  const void* in = nullptr;  ///< [batch, pixels, channels] float, or bfloat16
  void* out = nullptr;       ///< the same; may be `in`
  bool is_bfloat16 = false;
  const float* factor = nullptr;  ///< [batch, channels]
  const float* shift = nullptr;   ///< [batch, channels]
  int64_t batch = 0;
  int64_t pixels = 0;
  int64_t channels = 0;
  bool with_silu = false;  ///< applies SiLU to the result
};

void scale_channels_cpu(const ScaleChannels& scale);

}  // namespace relievo::kernels
