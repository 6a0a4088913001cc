#include "kernels/group_norm.h"

#include <algorithm>
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

constexpr int64_t kTogether = 64;  // channels that go together; a number that compilers know makes vectors

/// The result is rounded in a loop of its own, because a loop's vectors have as many numbers as those of its
/// smallest type.
template <typename T>
RELIEVO_INLINE void scale_together(const T* in, T* out, const float* factor, const float* shift,
                                   bool with_silu) {
  float y[kTogether];
  for (int64_t c = 0; c < kTogether; ++c) y[c] = float_of(in[c]) * factor[c] + shift[c];
  if (with_silu) {
    for (float& value : y) value = vector_silu(value);
  }
  for (int64_t c = 0; c < kTogether; ++c) out[c] = rounded<T>(y[c]);
}

template <typename T>
RELIEVO_INLINE void scale_rows(const T* in, T* out, int64_t rows, int64_t channels, const float* factor,
                               const float* shift, bool with_silu) {
  const int64_t whole = channels / kTogether * kTogether, rest = channels - whole;
  T some[kTogether] = {}, results[kTogether];
  float some_factors[kTogether] = {}, some_shifts[kTogether] = {};
  std::copy_n(factor + whole, rest, some_factors);
  std::copy_n(shift + whole, rest, some_shifts);
  for (int64_t row = 0; row < rows; ++row, in += channels, out += channels) {
    for (int64_t c = 0; c < whole; c += kTogether)
      scale_together(in + c, out + c, factor + c, shift + c, with_silu);
    if (rest == 0) continue;
    std::copy_n(in + whole, rest, some);
    scale_together(some, results, some_factors, some_shifts, with_silu);
    std::copy_n(results, rest, out + whole);
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

template <typename T>
void find_moments(const GroupMoments& find) {
  const int64_t channels = find.channels, group_width = channels / find.groups, blocks = find.blocks();
  const auto* in = static_cast<const T*>(find.in);
  parallel_for(find.batch * blocks, 1, [&](int64_t first, int64_t last) {
    std::vector<float> sums(static_cast<size_t>(channels)), squares(sums.size());
    std::vector<Moments<double>> groups(static_cast<size_t>(find.groups));
    for (int64_t block = first; block < last; ++block) {
      const int64_t item = block / blocks, begin = block % blocks * find.block;
      const int64_t end = std::min(find.pixels, begin + find.block);
      std::fill(groups.begin(), groups.end(), Moments<double>());
      for (int64_t at = begin; at < end; at += kRows) {
        const int64_t rows = std::min(kRows, end - at);
        const T* x = in + (item * find.pixels + at) * channels;
        sum(x, rows, channels, sums.data(), squares.data());
        const double count = static_cast<double>(rows);
        for (int64_t c = 0; c < channels; ++c) {
          groups[static_cast<size_t>(c / group_width)].merge(moments_by_sums<double>(
              count, float_of(x[c]), sums[static_cast<size_t>(c)], squares[static_cast<size_t>(c)]));
        }
      }
      double* to = find.moments + 3 * block * find.groups;
      for (const Moments<double>& group : groups) {
        *to++ = group.count;
        *to++ = group.mean;
        *to++ = group.squares;
      }
    }
  });
}

// Pixels that one thread scales. The size does not depend on the number of threads.
constexpr int64_t kBlock = 8 * kRows;

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

void group_moments_cpu(const GroupMoments& find) {
  if (find.is_bfloat16) {
    find_moments<BFloat16>(find);
  } else {
    find_moments<float>(find);
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
