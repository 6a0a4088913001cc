// The transformer block of latent diffusion (Rombach et al. 2022) as diffusers names its parameters: self
// attention, cross attention and a gated MLP, each after a layer norm and added to its input. The UNet of
// Zero123++ and TripoSR's transformer are made of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>

#include "nn/layers.h"
#include "nn/observer.h"
#include "nn/shared_rows.h"

namespace relievo {

/// Keys and values `[B, S, width]` of one attention layer.
struct KeyValue {
  at::Tensor key;
  at::Tensor value;
};

/// Attention with its projections, registered as to_q, to_k, to_v (without bias) and to_out.0 (with one).
struct ProjectedAttention : Group {
  ProjectedAttention(int64_t width, int64_t condition_width, int64_t heads);

  /// Computes keys and values of the condition `[B, S, condition_width]`.
  KeyValue key_value(const at::Tensor& condition) const;
  /// Computes the queries of the first `queries` tokens of x `[B, T, width]`, and keys and values of all; on
  /// a GPU in one product where the weights lie one behind the other (tensors.h, load_strict).
  std::pair<at::Tensor, KeyValue> query_key_value(const at::Tensor& x, int64_t queries) const;
  /// Maps x `[B, T, width]` to `[B, T, width]`, without the last layer.
  at::Tensor attend(const at::Tensor& x, const KeyValue& condition) const;
  at::Tensor forward(const at::Tensor& x, const KeyValue& condition) const;

  int64_t heads;
  std::shared_ptr<Linear> to_query, to_key, to_value, to_out;
};

/// GEGLU (Shazeer 2020), registered as net.0.proj and net.2. The first half of the first layer's output is
/// the value and the second half the gate.
struct GatedMlp : Group {
  explicit GatedMlp(int64_t width);

  // Maps [..., width] to [..., 4 width].
  at::Tensor gated(const at::Tensor& x) const;
  at::Tensor forward(const at::Tensor& x) const { return out->forward(gated(x)); }

  std::shared_ptr<Linear> value_and_gate, out;
};

/// The block has the norms norm1, norm2, norm3 before attn1 (self), attn2 (cross) and ff.
struct TransformerBlock : Group {
  TransformerBlock(int64_t width, int64_t condition_width, int64_t heads);

  /// x is `[B, T, width]`, changed in place where gradients are off; condition is `[B, S, condition_width]`.
  /// `check` is called between the layers, and its exceptions are passed on. The observer sees, under `name`,
  /// norm1, attn1, norm2, attn2, norm3, geglu and ff, and then the block's result. Where workers share the
  /// tokens, x has the own ones.
  at::Tensor forward(at::Tensor x, const at::Tensor& condition, const std::function<void()>& check,
                     const std::string& name, const Observer& observer,
                     const SharedRows* shared = nullptr) const;

  at::Tensor mlp(const at::Tensor& x) const { return feed_forward->forward(norm3->forward(x)); }
  /// Adds the MLP's branch to x in place, a few rows at a time.
  void add_mlp(const at::Tensor& x, const std::function<void()>& check) const;
  /// The same by our own kernels (nn/launch.h, has_gpu_kernels).
  void add_mlp_on_gpu(const at::Tensor& x, const std::function<void()>& check) const;

  std::shared_ptr<LayerNorm> norm1, norm2, norm3;
  std::shared_ptr<ProjectedAttention> self, cross;
  std::shared_ptr<GatedMlp> feed_forward;
};

}  // namespace relievo
