#include "kernels/group_norm.h"

#include <cmath>
#include <vector>

#include "base/parallel.h"
#include "kernels/vector_clones.h"

namespace relievo::kernels {
namespace {

constexpr int64_t kRows = 32;  // pixels that are summed in float before they go into a double

// The pragmas say that arrays do not overlap. Without them the compiler asks at run time and takes another
// loop for those that do, which rounds otherwise: the result would depend on where the arrays lie.

/// Sums the differences of `rows` pixels from the first one, and their squares.
template <typename T>
RELIEVO_INLINE void sum_rows(const T* x, int64_t rows, int64_t channels, float* sums, float* squares) {
  for (int64_t c = 0; c < channels; ++c) sums[c] = squares[c] = 0;
  for (int64_t row = 1; row < rows; ++row) {
    const T* line = x + row * channels;
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; ++c) {
      const float d = float_of(line[c]) - float_of(x[c]);
      sums[c] += d;
      squares[c] += d * d;
    }
  }
}

template <typename T>
RELIEVO_INLINE void scale_rows(const T* in, T* out, int64_t rows, int64_t channels, const float* factor,
                               const float* shift, bool with_silu) {
  for (int64_t row = 0; row < rows; ++row) {
    const T* from = in + row * channels;
    T* to = out + row * channels;
    if (with_silu) {
#pragma GCC ivdep
      for (int64_t c = 0; c < channels; ++c) {
        const float y = float_of(from[c]) * factor[c] + shift[c];
        to[c] = rounded<T>(y / (1.0f + vector_exp(-y)));
      }
    } else {
#pragma GCC ivdep
      for (int64_t c = 0; c < channels; ++c) to[c] = rounded<T>(float_of(from[c]) * factor[c] + shift[c]);
    }
  }
}

RELIEVO_VECTOR_CLONES void sum_floats(const float* x, int64_t rows, int64_t channels, float* sums,
                                      float* squares) {
  sum_rows(x, rows, channels, sums, squares);
}
RELIEVO_VECTOR_CLONES void sum_bfloats(const BFloat16* x, int64_t rows, int64_t channels, float* sums,
                                       float* squares) {
  sum_rows(x, rows, channels, sums, squares);
}
RELIEVO_VECTOR_CLONES void scale_floats(const float* in, float* out, int64_t rows, int64_t channels,
                                        const float* factor, const float* shift, bool with_silu) {
  scale_rows(in, out, rows, channels, factor, shift, with_silu);
}
RELIEVO_VECTOR_CLONES void scale_bfloats(const BFloat16* in, BFloat16* out, int64_t rows, int64_t channels,
                                         const float* factor, const float* shift, bool with_silu) {
  scale_rows(in, out, rows, channels, factor, shift, with_silu);
}

void sum(const float* x, int64_t rows, int64_t channels, float* sums, float* squares) {
  sum_floats(x, rows, channels, sums, squares);
}
void sum(const BFloat16* x, int64_t rows, int64_t channels, float* sums, float* squares) {
  sum_bfloats(x, rows, channels, sums, squares);
}
void scale(const float* in, float* out, int64_t rows, int64_t channels, const float* factor,
           const float* shift, bool with_silu) {
  scale_floats(in, out, rows, channels, factor, shift, with_silu);
}
void scale(const BFloat16* in, BFloat16* out, int64_t rows, int64_t channels, const float* factor,
           const float* shift, bool with_silu) {
  scale_bfloats(in, out, rows, channels, factor, shift, with_silu);
}

// Pixels of a block. The size does not depend on the number of threads, so the result does not either.
constexpr int64_t kBlock = 8 * kRows;

template <typename T>
void find_factors(const GroupNorm& norm, float* factor, float* shift) {
  const int64_t channels = norm.channels, group_width = channels / norm.groups;
  const int64_t blocks = (norm.pixels + kBlock - 1) / kBlock;
  const auto* in = static_cast<const T*>(norm.in);

  std::vector<Moments<double>> parts(static_cast<size_t>(norm.batch * blocks * norm.groups));
  parallel_for(norm.batch * blocks, 1, [&](int64_t first, int64_t last) {
    std::vector<float> sums(static_cast<size_t>(channels)), squares(sums.size());
    for (int64_t block = first; block < last; ++block) {
      const int64_t item = block / blocks, begin = block % blocks * kBlock;
      const int64_t end = std::min(norm.pixels, begin + kBlock);
      Moments<double>* groups = &parts[static_cast<size_t>(block * norm.groups)];
      for (int64_t at = begin; at < end; at += kRows) {
        const int64_t rows = std::min(kRows, end - at);
        const T* x = in + (item * norm.pixels + at) * channels;
        sum(x, rows, channels, sums.data(), squares.data());
        const double count = static_cast<double>(rows);
        for (int64_t c = 0; c < channels; ++c) {
          groups[c / group_width].merge(moments_by_sums<double>(
              count, float_of(x[c]), sums[static_cast<size_t>(c)], squares[static_cast<size_t>(c)]));
        }
      }
    }
  });

  for (int64_t item = 0; item < norm.batch; ++item) {
    for (int64_t g = 0; g < norm.groups; ++g) {
      Moments<double> all;
      for (int64_t block = 0; block < blocks; ++block) {
        all.merge(parts[static_cast<size_t>((item * blocks + block) * norm.groups + g)]);
      }
      const double inverse = 1 / std::sqrt(all.squares / all.count + norm.epsilon);
      for (int64_t c = g * group_width; c < (g + 1) * group_width; ++c) {
        factor[item * channels + c] = static_cast<float>(norm.weight[c] * inverse);
        shift[item * channels + c] = static_cast<float>(norm.bias[c] - norm.weight[c] * inverse * all.mean);
      }
    }
  }
}

template <typename T>
void scale_all(const ScaleChannels& s) {
  const int64_t blocks = (s.pixels + kBlock - 1) / kBlock;
  parallel_for(s.batch * blocks, 1, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t item = block / blocks, begin = block % blocks * kBlock;
      const int64_t rows = std::min(s.pixels, begin + kBlock) - begin;
      const int64_t at = (item * s.pixels + begin) * s.channels, channel = item * s.channels;
      scale(static_cast<const T*>(s.in) + at, static_cast<T*>(s.out) + at, rows, s.channels,
            s.factor + channel, s.shift + channel, s.with_silu);
    }
  });
}

}  // namespace

void group_norm_factors_cpu(const GroupNorm& norm, float* factor, float* shift) {
  if (norm.is_bfloat16) {
    find_factors<BFloat16>(norm, factor, shift);
  } else {
    find_factors<float>(norm, factor, shift);
  }
}

void scale_channels_cpu(const ScaleChannels& s) {
  if (s.is_bfloat16) {
    scale_all<BFloat16>(s);
  } else {
    scale_all<float>(s);
  }
}

}  // namespace relievo::kernels
