#include <algorithm>
#include <vector>

#include "base/parallel.h"
#include "kernels/attention.h"
#include "kernels/matrix_product.h"
#include "kernels/vector_clones.h"

namespace relievo::kernels {
namespace {

constexpr int64_t kQueries = 8 * kProductRows;  // that a thread computes at a time
constexpr int64_t kLanes = 16;
constexpr float kHidden = -1e30f;  // what fills scores up to whole lanes: their weights are next to zero

/// Keys that go together: a block of them, their values and the scores stay in the second-level cache.
int64_t keys_together(int64_t width) { return width <= 128 ? 512 : 128; }

int64_t in_lanes(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

/// The running softmax of one query, kept between blocks of keys.
struct Running {
  float highest = kHidden;  // the highest score so far
  float sum = 0;            // sum of the weights, relative to the highest score
};

/// Turns scores, whole lanes of them, into weights; returns the factor by which the sums made so far are to
/// be multiplied.
RELIEVO_VECTOR_CLONES float weigh(float* scores, int64_t count, float scale, Running& running) {
  float tops[kLanes], sums[kLanes] = {};
  for (float& top : tops) top = running.highest;
  for (int64_t k = 0; k < count; k += kLanes) {
    for (int64_t i = 0; i < kLanes; ++i) tops[i] = scores[k + i] > tops[i] ? scores[k + i] : tops[i];
  }
  const float top = *std::max_element(tops, tops + kLanes);
  for (int64_t k = 0; k < count; k += kLanes) {
    for (int64_t i = 0; i < kLanes; ++i) {
      const float weight = vector_exp((scores[k + i] - top) * scale);
      scores[k + i] = weight;
      sums[i] += weight;
    }
  }
  float sum = 0;
  for (const float part : sums) sum += part;
  const float factor = vector_exp((running.highest - top) * scale);
  running = {top, running.sum * factor + sum};
  return factor;
}

/// Adds `count` numbers to the sums after these are multiplied by the factor.
RELIEVO_VECTOR_CLONES void add_scaled(float* sums, float factor, const float* added, int64_t count) {
#pragma GCC ivdep
  for (int64_t c = 0; c < count; ++c) sums[c] = sums[c] * factor + added[c];
}

RELIEVO_VECTOR_CLONES void multiply(float* to, const float* from, float factor, int64_t count) {
#pragma GCC ivdep
  for (int64_t c = 0; c < count; ++c) to[c] = from[c] * factor;
}

/// One head's keys and values as panels (kernels/matrix_product.h), block by block.
struct Packed {
  int64_t together = 0, key_step = 0, value_step = 0;  // keys of a block; numbers of a block
  std::vector<float> keys, values;
};

/// Packs a block's keys `[keys, width]` as panels `[keys / 32, width, 32]`.
void pack_keys(const float* key, int64_t stride, int64_t keys, int64_t width, float* to) {
  for (int64_t k = 0; k < keys; k += kPanel) {
    float* panel = to + k * width;
    for (int64_t i = 0; i < kPanel; ++i) {
      const float* from =
          key + std::min(k + i, keys - 1) * stride;  // what is read beyond the last is not used
      for (int64_t c = 0; c < width; ++c) panel[c * kPanel + i] = from[c];
    }
  }
}

/// Packs a block's values `[keys, width]` as panels `[width / 32, keys, 32]`.
void pack_values(const float* value, int64_t stride, int64_t keys, int64_t width, float* to) {
  for (int64_t c = 0; c < width; c += kPanel) {
    float* panel = to + c * keys;
    const int64_t channels = std::min(kPanel, width - c);
    for (int64_t k = 0; k < keys; ++k) std::copy_n(value + k * stride + c, channels, panel + k * kPanel);
  }
}

Packed packed_head(const Attention<float>& a, const float* key, const float* value) {
  Packed packed;
  packed.together = std::min(keys_together(a.width), a.keys);
  packed.key_step = packed_size(packed.together, a.width);
  packed.value_step = packed_size(a.width, packed.together);
  const int64_t blocks = (a.keys + packed.together - 1) / packed.together;
  packed.keys.resize(static_cast<size_t>(blocks * packed.key_step));
  packed.values.resize(static_cast<size_t>(blocks * packed.value_step));
  parallel_for(blocks, 1, [&](int64_t block, int64_t) {
    const int64_t first = block * packed.together, keys = std::min(packed.together, a.keys - first);
    pack_keys(key + first * a.key_strides.row, a.key_strides.row, keys, a.width,
              &packed.keys[static_cast<size_t>(block * packed.key_step)]);
    pack_values(value + first * a.value_strides.row, a.value_strides.row, keys, a.width,
                &packed.values[static_cast<size_t>(block * packed.value_step)]);
  });
  return packed;
}

/// Computes `count` queries of one head, whose first is at `query`.
void attend_rows(const Attention<float>& a, const Packed& packed, const float* query, float* out,
                 int64_t count) {
  const int64_t row = in_lanes(packed.together);
  std::vector<float> scores(static_cast<size_t>(count * row));
  std::vector<float> sums(static_cast<size_t>(count * a.width)), added(sums.size());
  std::vector<Running> running(static_cast<size_t>(count));
  std::vector<float> factors(running.size());
  const auto at = [](auto& values, int64_t i) { return &values[static_cast<size_t>(i)]; };
  for (int64_t first = 0; first < a.keys; first += packed.together) {
    const int64_t block = first / packed.together, keys = std::min(packed.together, a.keys - first);
    multiply_packed({.rows = query,
                     .row_stride = a.query_strides.row,
                     .panels = at(packed.keys, block * packed.key_step),
                     .out = scores.data(),
                     .out_stride = row,
                     .count = count,
                     .columns = keys,
                     .depth = a.width});
    for (int64_t r = 0; r < count; ++r) {
      float* of_row = at(scores, r * row);
      std::fill(of_row + keys, of_row + in_lanes(keys), kHidden);
      *at(factors, r) = weigh(of_row, in_lanes(keys), a.scale, *at(running, r));
    }
    multiply_packed({.rows = scores.data(),
                     .row_stride = row,
                     .panels = at(packed.values, block * packed.value_step),
                     .out = added.data(),
                     .out_stride = a.width,
                     .count = count,
                     .columns = a.width,
                     .depth = keys});
    for (int64_t r = 0; r < count; ++r)
      add_scaled(at(sums, r * a.width), *at(factors, r), at(added, r * a.width), a.width);
  }
  for (int64_t r = 0; r < count; ++r)
    multiply(out + r * a.out_strides.row, at(sums, r * a.width), 1 / at(running, r)->sum, a.width);
}

}  // namespace

bool has_float_attention_cpu() { return has_matrix_product_cpu(); }

void attention_cpu(const Attention<float>& a) {
  parallel_for(a.batch * a.heads, 1, [&](int64_t which, int64_t) {
    const int64_t item = which / a.heads, head = which % a.heads;
    const auto of_head = [&](auto* x, const AttentionStrides& strides) {
      return x + item * strides.batch + head * strides.head;
    };
    const Packed packed = packed_head(a, of_head(a.key, a.key_strides), of_head(a.value, a.value_strides));
    parallel_for(a.queries, kQueries, [&](int64_t first, int64_t last) {
      attend_rows(a, packed, of_head(a.query, a.query_strides) + first * a.query_strides.row,
                  of_head(a.out, a.out_strides) + first * a.out_strides.row, last - first);
    });
  });
}

}  // namespace relievo::kernels
