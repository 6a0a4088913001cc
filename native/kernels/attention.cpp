#include "kernels/attention.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define RELIEVO_ATTENTION
#endif

#ifdef RELIEVO_ATTENTION
#include <algorithm>
#include <vector>

#include <immintrin.h>

#include "base/parallel.h"
#include "kernels/vector_clones.h"

// GCC 12 warns of its own intrinsics, falsely (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
#endif

namespace relievo::kernels {

#ifdef RELIEVO_ATTENTION
namespace {

constexpr int kLanes = 16;  // floats of a vector
// Queries that go together: 6 x 4 vectors of sums fill the registers.
constexpr int kRows = 6;
constexpr int kVectors = 4;        // vectors of a row that go together
constexpr float kHidden = -1e30f;  // score of a padded key: its weight becomes zero

/// One head's keys and values as the instruction wants them, in pairs of bfloat16.
struct Packed {
  int64_t keys = 0, padded = 0;  // keys, and with those that fill the last group of 64
  // For each group of 16 keys and each pair of channels: that pair of every key of the group.
  std::vector<uint32_t> key;
  // For each pair of keys and each channel: the pair of the two keys' values.
  std::vector<uint32_t> value;
};

/// Reads the pair of bfloat16 at `x`.
RELIEVO_INLINE uint32_t pair_at(const BFloat16* x) {
  uint32_t bits;
  __builtin_memcpy(&bits, x, sizeof bits);
  return bits;
}

void pack_keys(const BFloat16* key, int64_t row_stride, int64_t width, int64_t first, int64_t keys,
               uint32_t* to) {
  for (int64_t i = 0; i < kLanes; ++i) {
    const bool is_there = first + i < keys;
    const BFloat16* from = key + (is_there ? first + i : 0) * row_stride;
    for (int64_t c = 0; c < width / 2; ++c) to[c * kLanes + i] = is_there ? pair_at(from + 2 * c) : 0;
  }
}

void pack_values(const BFloat16* value, int64_t row_stride, int64_t width, int64_t first, int64_t keys,
                 uint32_t* to) {
  for (int64_t i = 0; i < kLanes; i += 2) {
    const int64_t key = first + i;
    const BFloat16* even = value + std::min(key, keys - 1) * row_stride;
    const BFloat16* odd = value + std::min(key + 1, keys - 1) * row_stride;
    const uint32_t even_mask = key < keys ? 0xFFFFu : 0, odd_mask = key + 1 < keys ? 0xFFFF0000u : 0;
    uint32_t* line = to + i / 2 * width;
    for (int64_t c = 0; c < width; ++c) {
      line[c] = (even[c].bits & even_mask) | ((static_cast<uint32_t>(odd[c].bits) << 16) & odd_mask);
    }
  }
}

RELIEVO_INLINE __m512bh pairs(const uint32_t* x) { return (__m512bh)_mm512_loadu_si512(x); }
RELIEVO_INLINE __m512bh every_lane(const void* x) {
  uint32_t bits;
  __builtin_memcpy(&bits, x, sizeof bits);
  return (__m512bh)_mm512_set1_epi32(static_cast<int>(bits));
}

/// Computes the scores [Rows, 64] of queries with 64 keys.
template <int Rows>
RELIEVO_INLINE void score(const BFloat16* query, int64_t row_stride, int64_t width, const uint32_t* keys,
                          float* scores, int64_t score_stride) {
  __m512 sums[Rows][kVectors];
  for (int r = 0; r < Rows; ++r) {
    for (int n = 0; n < kVectors; ++n) sums[r][n] = _mm512_setzero_ps();
  }
  const int64_t channel_pairs = width / 2;
  for (int64_t c = 0; c < channel_pairs; ++c) {
    __m512bh k[kVectors];
    for (int n = 0; n < kVectors; ++n) k[n] = pairs(keys + (n * channel_pairs + c) * kLanes);
    for (int r = 0; r < Rows; ++r) {
      const __m512bh q = every_lane(query + r * row_stride + 2 * c);
      for (int n = 0; n < kVectors; ++n) sums[r][n] = _mm512_dpbf16_ps(sums[r][n], q, k[n]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int n = 0; n < kVectors; ++n) _mm512_storeu_ps(scores + r * score_stride + n * kLanes, sums[r][n]);
  }
}

/// Computes sums [Rows, Vectors * 16] = sums * factor + weights [Rows, keys] * values.
template <int Rows, int Vectors>
RELIEVO_INLINE void accumulate(const uint16_t* weights, int64_t weight_stride, int64_t keys,
                               const uint32_t* values, int64_t width, const float* factor, float* sums) {
  __m512 s[Rows][Vectors];
  for (int r = 0; r < Rows; ++r) {
    const __m512 f = _mm512_set1_ps(factor[r]);
    for (int n = 0; n < Vectors; ++n) {
      s[r][n] = _mm512_mul_ps(f, _mm512_loadu_ps(sums + r * width + n * kLanes));
    }
  }
  for (int64_t k = 0; k < keys; k += 2) {
    __m512bh v[Vectors];
    for (int n = 0; n < Vectors; ++n) v[n] = pairs(values + k / 2 * width + n * kLanes);
    for (int r = 0; r < Rows; ++r) {
      const __m512bh p = every_lane(weights + r * weight_stride + k);
      for (int n = 0; n < Vectors; ++n) s[r][n] = _mm512_dpbf16_ps(s[r][n], p, v[n]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int n = 0; n < Vectors; ++n) _mm512_storeu_ps(sums + r * width + n * kLanes, s[r][n]);
  }
}

template <int Rows>
RELIEVO_INLINE void accumulate_all(const uint16_t* weights, int64_t weight_stride, int64_t keys,
                                   const uint32_t* values, int64_t width, const float* factor, float* sums) {
  int64_t at = 0;
  for (; at + kVectors * kLanes <= width; at += kVectors * kLanes) {
    accumulate<Rows, kVectors>(weights, weight_stride, keys, values + at, width, factor, sums + at);
  }
  for (; at < width; at += kLanes) {
    accumulate<Rows, 1>(weights, weight_stride, keys, values + at, width, factor, sums + at);
  }
}

/// 2^x with a relative error of 1e-6, for x up to 0.
RELIEVO_INLINE __m512 power_of_two(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, n);
  // This is the series of e^(f ln 2); |f| is at most a half.
  __m512 p = _mm512_set1_ps(1.33335581e-3f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61812911e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55041087e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226507e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147181e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

/// The running softmax of one query, kept between blocks of keys.
struct Running {
  float highest = kHidden;  // the highest score so far
  float sum = 0;            // sum of the weights, relative to the highest score
};

/// Turns the scores of one query with `keys` keys into weights as bfloat16; returns the factor by which the
/// sums made so far are to be multiplied.
RELIEVO_INLINE float weigh(const float* scores, int64_t keys, float log2_scale, Running& running,
                           uint16_t* weights) {
  __m512 highest = _mm512_set1_ps(running.highest);
  for (int64_t k = 0; k < keys; k += kLanes) highest = _mm512_max_ps(highest, _mm512_loadu_ps(scores + k));
  const float top = _mm512_reduce_max_ps(highest);
  const __m512 scale = _mm512_set1_ps(log2_scale), shift = _mm512_set1_ps(top * log2_scale);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t k = 0; k < keys; k += 2 * kLanes) {
    const __m512 a = power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(scores + k), scale, shift));
    const __m512 b = power_of_two(_mm512_fmsub_ps(_mm512_loadu_ps(scores + k + kLanes), scale, shift));
    sum = _mm512_add_ps(sum, _mm512_add_ps(a, b));
    _mm512_storeu_si512(weights + k, (__m512i)_mm512_cvtne2ps_pbh(b, a));
  }
  const float factor = _mm512_cvtss_f32(power_of_two(_mm512_set1_ps((running.highest - top) * log2_scale)));
  running.sum = running.sum * factor + _mm512_reduce_add_ps(sum);
  running.highest = top;
  return factor;
}

/// The sizes of a task's blocks, chosen so that what a task holds stays in the second-level cache.
struct Blocks {
  int64_t queries, keys;
};
Blocks blocks_for(int64_t width) { return width <= 128 ? Blocks{192, 128} : Blocks{96, 64}; }

/// Computes one block of queries of one head.
class Task {
 public:
  Task(const Attention<BFloat16>& attention, const Packed& packed, int64_t item, int64_t head)
      : a_(attention),
        packed_(packed),
        query_(a_.query + item * a_.query_strides.batch + head * a_.query_strides.head),
        out_(a_.out + item * a_.out_strides.batch + head * a_.out_strides.head) {}

  void run(int64_t first, int64_t count) {
    sums_.assign(static_cast<size_t>(count * a_.width), 0.0f);
    running_.assign(static_cast<size_t>(count), {});
    const int64_t block = blocks_for(a_.width).keys;
    for (int64_t key = 0; key < packed_.padded; key += block) {
      const int64_t keys = std::min(block, packed_.padded - key);
      int64_t row = 0;
      for (; row + kRows <= count; row += kRows) rows<kRows>(first, row, key, keys);
      for (; row < count; ++row) rows<1>(first, row, key, keys);
    }
    for (int64_t row = 0; row < count; ++row) {
      const __m512 inverse = _mm512_set1_ps(1 / running_[static_cast<size_t>(row)].sum);
      BFloat16* to = out_ + (first + row) * a_.out_strides.row;
      for (int64_t c = 0; c < a_.width; c += kLanes) {
        const __m512 value =
            _mm512_mul_ps(inverse, _mm512_loadu_ps(&sums_[static_cast<size_t>(row * a_.width + c)]));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + c), (__m256i)_mm512_cvtneps_pbh(value));
      }
    }
  }

 private:
  template <int Rows>
  void rows(int64_t first, int64_t row, int64_t key, int64_t keys) {
    constexpr int64_t kMostKeys = 128, kGroup = kVectors * kLanes;
    alignas(64) float scores[Rows * kMostKeys];
    alignas(64) uint16_t weights[Rows * kMostKeys];
    float factors[Rows];
    const int64_t channel_pairs = a_.width / 2;
    for (int64_t k = 0; k < keys; k += kGroup) {
      score<Rows>(query_ + (first + row) * a_.query_strides.row, a_.query_strides.row, a_.width,
                  &packed_.key[static_cast<size_t>((key + k) * channel_pairs)], scores + k, kMostKeys);
    }
    for (int64_t k = std::max<int64_t>(packed_.keys - key, 0); k < keys; ++k) {
      for (int r = 0; r < Rows; ++r) scores[r * kMostKeys + k] = kHidden;
    }
    const float log2_scale = a_.scale * 1.44269504f;
    for (int r = 0; r < Rows; ++r) {
      factors[r] = weigh(scores + r * kMostKeys, keys, log2_scale, running_[static_cast<size_t>(row + r)],
                         weights + r * kMostKeys);
    }
    accumulate_all<Rows>(weights, kMostKeys, keys, &packed_.value[static_cast<size_t>(key / 2 * a_.width)],
                         a_.width, factors, &sums_[static_cast<size_t>(row * a_.width)]);
  }

  const Attention<BFloat16>& a_;
  const Packed& packed_;
  const BFloat16* query_;
  BFloat16* out_;
  std::vector<float> sums_;  // [queries of the block, width]
  std::vector<Running> running_;
};

void attend(const Attention<BFloat16>& a) {
  constexpr int64_t kGroup = kVectors * kLanes;
  Packed packed;
  packed.keys = a.keys;
  packed.padded = (a.keys + kGroup - 1) / kGroup * kGroup;
  packed.key.resize(static_cast<size_t>(packed.padded * a.width / 2));
  packed.value.resize(packed.key.size());
  const int64_t block = blocks_for(a.width).queries;
  for (int64_t item = 0; item < a.batch; ++item) {
    for (int64_t head = 0; head < a.heads; ++head) {
      const BFloat16* key = a.key + item * a.key_strides.batch + head * a.key_strides.head;
      const BFloat16* value = a.value + item * a.value_strides.batch + head * a.value_strides.head;
      parallel_for(packed.padded / kLanes, 32, [&](int64_t first, int64_t last) {
        for (int64_t group = first; group < last; ++group) {
          const auto at = static_cast<size_t>(group * kLanes * a.width / 2);
          pack_keys(key, a.key_strides.row, a.width, group * kLanes, a.keys, &packed.key[at]);
          pack_values(value, a.value_strides.row, a.width, group * kLanes, a.keys, &packed.value[at]);
        }
      });
      parallel_for(a.queries, block, [&](int64_t first, int64_t last) {
        Task task(a, packed, item, head);
        task.run(first, last - first);
      });
    }
  }
}

}  // namespace
#pragma GCC pop_options

bool has_bfloat_attention_cpu(int64_t width) {
  static const bool has_instructions =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bf16");
  return has_instructions && width > 0 && width % kLanes == 0;
}

void attention_cpu(const Attention<BFloat16>& attention) { attend(attention); }

#else

bool has_bfloat_attention_cpu(int64_t) { return false; }
void attention_cpu(const Attention<BFloat16>&) {}

#endif

}  // namespace relievo::kernels
