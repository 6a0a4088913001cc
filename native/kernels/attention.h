// Attention on a processor: softmax(scale q k^T) v, block by block of the keys with a running maximum
// (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax"; Dao et al. 2022,
// "FlashAttention"), so that no scores are kept. Products and sums are float32, as are softmax and result
// before it is rounded. A query's result depends on nothing beside it.
#pragma once

#include <cstdint>

#include "kernels/half.h"

namespace relievo::kernels {

/// Strides in elements of an array `[batch, row, head, channel]` whose channels are contiguous.
struct AttentionStrides {
  int64_t batch = 0, row = 0, head = 0;
};

template <typename T>
struct Attention {
  const T* query = nullptr;  ///< [batch, queries, heads, width]
  const T* key = nullptr;    ///< [batch, keys, heads, width]
  const T* value = nullptr;
  T* out = nullptr;  ///< [batch, queries, heads, width]; not one of the inputs
  AttentionStrides query_strides, key_strides, value_strides, out_strides;
  int64_t batch = 0, heads = 0, queries = 0, keys = 0;
  int64_t width = 0;  ///< channels of a head
  float scale = 1;
};

/// Whether this processor can compute bfloat16 (it has AVX512-BF16) for heads of this width, a multiple of
/// 16; and float32 for any heads (as kernels/matrix_product.h).
bool has_bfloat_attention_cpu(int64_t width);
bool has_float_attention_cpu();

/// Compute `out` for at least one key, where the processor can; take memory for one head's keys and values
/// besides, in float32 on each thread.
void attention_cpu(const Attention<BFloat16>& attention);
void attention_cpu(const Attention<float>& attention);

}  // namespace relievo::kernels
