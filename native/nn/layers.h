// The layers that the networks are made of. Their parameters are placeholders until nn/tensors.h's
// load_strict fills them. They register under the names PyTorch gives them (`weight`, `bias`, ...), so that a
// network's parameter names are those of the published files.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace relievo {

class SharedRows;

enum class Bias { kNo, kYes };

struct Linear : torch::nn::Module {
  Linear(int64_t in, int64_t out, Bias with_bias = Bias::kYes);
  // Maps [..., in] to [..., out].
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out], or undefined
};

struct LayerNorm : torch::nn::Module {
  LayerNorm(int64_t width, double epsilon);
  // x is [..., width] and is normalised over the last axis.
  at::Tensor forward(const at::Tensor& x) const;
  /// As forward, and then x gets `addend` `[width]` in place, in one launch of a kernel on a GPU. It is for
  /// add_product.
  at::Tensor forward_and_add(const at::Tensor& x, const at::Tensor& addend) const;

  at::Tensor weight;  // [width]
  at::Tensor bias;    // [width]
  double epsilon;
};

struct GroupNorm : torch::nn::Module {
  GroupNorm(int64_t groups, int64_t channels, double epsilon);
  /// Normalises each group of channels of [B, C, H, W] over its pixels; keeps the memory format. `silu`
  /// applies SiLU to the result besides. Where workers share the pictures (nn/shared_rows.h), x has the own
  /// rows, and the pixels are those of all.
  at::Tensor forward(const at::Tensor& x, const SharedRows* shared = nullptr) const {
    return normalised(x, false, shared);
  }
  at::Tensor silu(const at::Tensor& x, const SharedRows* shared = nullptr) const {
    return normalised(x, true, shared);
  }

  /// Normalisation as `x * factor + shift`, both `[B, C]` float32, so that it can be done a part of the
  /// picture at a time.
  struct Affine {
    at::Tensor factor, shift;
    /// Writes `out` `[B, C, h, W]` for the same rows of `x`.
    void into(const at::Tensor& out, const at::Tensor& x, bool with_silu) const;
    void silu_into(const at::Tensor& out, const at::Tensor& x) const { into(out, x, true); }
  };
  Affine affine(const at::Tensor& x, const SharedRows* shared = nullptr) const;

  at::Tensor weight;  // [C]
  at::Tensor bias;    // [C]
  int64_t groups;
  double epsilon;

 private:
  at::Tensor normalised(const at::Tensor& x, bool with_silu, const SharedRows* shared) const;
};

struct ConvSettings {
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t dilation = 1;
};

struct Conv2d : torch::nn::Module {
  Conv2d(int64_t in, int64_t out, int64_t kernel, ConvSettings settings = {}, Bias with_bias = Bias::kYes);
  // Maps [B, in, H, W] to [B, out, H', W'].
  at::Tensor forward(const at::Tensor& x) const;
  /// The same with the channels of x and of the result last in memory.
  at::Tensor on_channels_last(const at::Tensor& x) const;
  /// The same for the worker's own rows of x (nn/shared_rows.h), which are all of them without `shared`.
  at::Tensor on_rows(const at::Tensor& x, const SharedRows* shared) const;

  at::Tensor weight;  // [out, in, kernel, kernel]
  at::Tensor bias;    // [out], or undefined
  ConvSettings settings;
};

struct ConvTranspose2d : torch::nn::Module {
  ConvTranspose2d(int64_t in, int64_t out, int64_t kernel, int64_t stride);
  // Maps [B, in, H, W] to [B, out, (H-1) stride + kernel, ...].
  at::Tensor forward(const at::Tensor& x) const;

  at::Tensor weight;  // [in, out, kernel, kernel]
  at::Tensor bias;    // [out]
  int64_t stride;
};

/// Holds children under the names that the file gives them (`attention.output.dense`); it has no forward of
/// its own.
struct Group : torch::nn::Module {
  /// Registers `child` at the dotted `path` below this module and makes the groups on the way.
  template <typename Child>
  std::shared_ptr<Child> add(const std::string& path, std::shared_ptr<Child> child) {
    return add_below(*this, path, std::move(child));
  }

  template <typename Child>
  static std::shared_ptr<Child> add_below(torch::nn::Module& parent, const std::string& path,
                                          std::shared_ptr<Child> child) {
    const size_t dot = path.find('.');
    if (dot == std::string::npos) return parent.register_module(path, std::move(child));
    const std::string head = path.substr(0, dot);
    const auto children = parent.named_children();
    const std::shared_ptr<torch::nn::Module>* group = children.find(head);
    if (group) return add_below(**group, path.substr(dot + 1), std::move(child));
    return add_below(*parent.register_module(head, std::make_shared<Group>()), path.substr(dot + 1),
                     std::move(child));
  }
};

/// Adds `in` `[..., K]` times the layer's weight to x `[..., N]` in place, by the product of matrices itself.
/// The layer's bias must be in x already.
void add_product(const at::Tensor& x, const at::Tensor& in, const Linear& layer);

/// Returns x + branch, in x's own memory where gradients are off.
at::Tensor plus(at::Tensor x, const at::Tensor& branch);

/// Multi-head attention of rows that are already projected: q `[B, T, D]`, k and v `[B, S, D]` -> `[B, T,
/// D]`. Causal attention lets each row see itself and those before it.
enum class Causal { kNo, kYes };
at::Tensor multi_head_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                                Causal causal = Causal::kNo);

}  // namespace relievo
