// Attention in bfloat16 on CPUs with AVX512-BF16: softmax(scale q k^T) v, block by block of the keys with a
// running maximum (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"; Dao et al. 2022,
// "FlashAttention"), so that no scores are kept. Products and sums are float32, as are softmax and result
// before it is rounded.
#pragma once

#include <cstdint>

#include "kernels/half.h"

namespace relievo::kernels {

/// Strides in elements of an array `[batch, row, head, channel]` whose channels are contiguous.
struct AttentionStrides {
  int64_t batch = 0, row = 0, head = 0;
};

struct Attention {
  const BFloat16* query = nullptr;  ///< [batch, queries, heads, width]
  const BFloat16* key = nullptr;    ///< [batch, keys, heads, width]
  const BFloat16* value = nullptr;
  BFloat16* out = nullptr;  ///< [batch, queries, heads, width]; not one of the inputs
  AttentionStrides query_strides, key_strides, value_strides, out_strides;
  int64_t batch = 0, heads = 0, queries = 0, keys = 0;
  int64_t width = 0;  ///< channels of a head
  float scale = 1;
};

/// Returns whether this CPU has the instructions and heads of this width can be computed, which is a multiple
/// of 16.
bool has_attention_cpu(int64_t width);

/// Computes `out` for at least one key. Needs has_attention_cpu(); takes memory for one head's keys and
/// values besides.
void attention_cpu(const Attention& attention);

}  // namespace relievo::kernels
