#include "nn/layers.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/attention.h"
#include "kernels/group_norm.h"
#include "kernels/layer_norm.h"
#include "nn/convolution.h"
#include "nn/launch.h"
#include "nn/tensors.h"

namespace relievo {

Linear::Linear(int64_t in, int64_t out, Bias with_bias)
    : weight(register_parameter("weight", placeholder({out, in}), false)) {
  if (with_bias == Bias::kYes) bias = register_parameter("bias", placeholder({out}), false);
}

at::Tensor Linear::forward(const at::Tensor& x) const { return apply_linear(x, weight, bias); }

LayerNorm::LayerNorm(int64_t width, double epsilon_)
    : weight(register_parameter("weight", placeholder({width}), false)),
      bias(register_parameter("bias", placeholder({width}), false)),
      epsilon(epsilon_) {}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, epsilon);
}

at::Tensor LayerNorm::forward_and_add(const at::Tensor& x, const at::Tensor& addend) const {
  const at::Tensor out = at::empty(x.sizes(), x.options());
  launch_on_gpu(x.device(), RELIEVO_GPU_LAUNCHER(normalise_rows),
                kernels::RowNormalisation{.type = number_type(x),
                                          .rows = x.mutable_data_ptr(),
                                          .weight = weight.const_data_ptr(),
                                          .bias = bias.const_data_ptr(),
                                          .addend = addend.const_data_ptr(),
                                          .out = out.mutable_data_ptr(),
                                          .count = x.numel() / x.size(-1),
                                          .width = x.size(-1),
                                          .epsilon = static_cast<float>(epsilon)});
  return out;
}

GroupNorm::GroupNorm(int64_t groups_, int64_t channels, double epsilon_)
    : weight(register_parameter("weight", placeholder({channels}), false)),
      bias(register_parameter("bias", placeholder({channels}), false)),
      groups(groups_),
      epsilon(epsilon_) {}

namespace {

bool has_norm_kernel(const at::Tensor& x) {
  if (at::GradMode::is_enabled() && x.requires_grad()) return false;
  const at::ScalarType type = x.scalar_type();
  return x.is_cpu() && (type == at::kBFloat16 || type == at::kFloat) && x.dim() == 4 &&
         x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

void scale_channels(const at::Tensor& out, const at::Tensor& x, const GroupNorm::Affine& affine,
                    bool with_silu) {
  kernels::scale_channels_cpu({.in = x.const_data_ptr(),
                               .out = out.mutable_data_ptr(),
                               .is_bfloat16 = x.scalar_type() == at::kBFloat16,
                               .factor = affine.factor.const_data_ptr<float>(),
                               .shift = affine.shift.const_data_ptr<float>(),
                               .batch = x.size(0),
                               .pixels = x.size(2) * x.size(3),
                               .channels = x.size(1),
                               .with_silu = with_silu});
}

struct Moments {
  at::Tensor mean, variance;  // [B, groups] float32
};

/// Computes the moments of x `[B, C, H, W]`, in float32 by a strip of rows at a time: half precision would
/// lose the variance, and the whole picture in float32 is twice what a GPU has planned for. The strips'
/// moments are merged as Chan, Golub and LeVeque do (1983, "Algorithms for Computing the Sample Variance").
Moments moments_of_groups(const at::Tensor& x, int64_t groups) {
  constexpr int64_t kStripBytes = int64_t{32} << 20;
  const int64_t height = x.size(2), row = x.numel() / height;
  const int64_t rows = std::clamp<int64_t>(kStripBytes / (row * int64_t{sizeof(float)}), 1, height);
  Moments all;
  for (int64_t first = 0; first < height; first += rows) {
    const int64_t count = std::min(rows, height - first);
    const at::Tensor strip = x.narrow(2, first, count).unflatten(1, {groups, x.size(1) / groups});
    const auto [variance, mean] = at::var_mean(strip.to(at::kFloat), at::IntArrayRef{2, 3, 4}, 0);
    if (first == 0) {
      all = {mean, variance};
      continue;
    }
    const double share = static_cast<double>(count) / static_cast<double>(first + count);
    const at::Tensor apart = mean - all.mean;
    all.mean = all.mean + apart * share;
    all.variance = all.variance * (1 - share) + variance * share + apart.square() * (share * (1 - share));
  }
  return all;
}

}  // namespace

GroupNorm::Affine GroupNorm::affine(const at::Tensor& x) const {
  const at::Tensor factors = weight.to(at::kFloat), shifts = bias.to(at::kFloat);
  if (has_norm_kernel(x)) {
    const at::Tensor factor = at::empty({x.size(0), x.size(1)}, at::kFloat), shift = at::empty_like(factor);
    kernels::group_norm_factors_cpu({.in = x.const_data_ptr(),
                                     .is_bfloat16 = x.scalar_type() == at::kBFloat16,
                                     .weight = factors.const_data_ptr<float>(),
                                     .bias = shifts.const_data_ptr<float>(),
                                     .batch = x.size(0),
                                     .pixels = x.size(2) * x.size(3),
                                     .channels = x.size(1),
                                     .groups = groups,
                                     .epsilon = epsilon},
                                    factor.mutable_data_ptr<float>(), shift.mutable_data_ptr<float>());
    return {factor, shift};
  }
  const auto [mean, variance] = moments_of_groups(x, groups);
  const int64_t width = x.size(1) / groups;
  const at::Tensor factor = (variance + epsilon).rsqrt().repeat_interleave(width, 1) * factors;
  return {factor, shifts - mean.repeat_interleave(width, 1) * factor};
}

void GroupNorm::Affine::silu_into(const at::Tensor& out, const at::Tensor& x) const {
  if (has_norm_kernel(x) && has_norm_kernel(out)) return scale_channels(out, x, *this, true);
  const auto wide = [](const at::Tensor& t) { return t.unsqueeze(-1).unsqueeze(-1); };
  at::Tensor y = at::addcmul(wide(shift), x, wide(factor));  // addcmul promotes to float32
  out.copy_(at::silu_(y));
}

at::Tensor GroupNorm::normalised(const at::Tensor& x, bool with_silu) const {
  const bool is_learning = at::GradMode::is_enabled() && weight.requires_grad();
  if (is_learning || !has_norm_kernel(x)) {
    at::Tensor y = at::group_norm(x, groups, weight, bias, epsilon);
    return with_silu ? at::silu_(y) : y;
  }
  at::Tensor y = at::empty_like(x);
  scale_channels(y, x, affine(x), with_silu);
  return y;
}

Conv2d::Conv2d(int64_t in, int64_t out, int64_t kernel, ConvSettings settings_, Bias with_bias)
    : weight(register_parameter("weight", placeholder({out, in, kernel, kernel}), false)),
      settings(settings_) {
  if (with_bias == Bias::kYes) bias = register_parameter("bias", placeholder({out}), false);
}

at::Tensor Conv2d::forward(const at::Tensor& x) const {
  if (settings.stride == 1 && settings.dilation == 1) {
    return convolve(x, weight, bias, {.rows = settings.padding, .columns = settings.padding});
  }
  return at::conv2d(x, weight, bias, settings.stride, settings.padding, settings.dilation);
}

at::Tensor Conv2d::on_channels_last(const at::Tensor& x) const {
  constexpr auto kLast = at::MemoryFormat::ChannelsLast;
  return forward(x.contiguous(kLast)).contiguous(kLast);
}

ConvTranspose2d::ConvTranspose2d(int64_t in, int64_t out, int64_t kernel, int64_t stride_)
    : weight(register_parameter("weight", placeholder({in, out, kernel, kernel}), false)),
      bias(register_parameter("bias", placeholder({out}), false)),
      stride(stride_) {}

at::Tensor ConvTranspose2d::forward(const at::Tensor& x) const {
  return at::conv_transpose2d(x, weight, bias, stride);
}

void add_product(const at::Tensor& x, const at::Tensor& in, const Linear& layer) {
  x.view({-1, x.size(-1)}).addmm_(in.reshape({-1, in.size(-1)}), layer.weight.t());
}

at::Tensor plus(at::Tensor x, const at::Tensor& branch) {
  return at::GradMode::is_enabled() ? x + branch : x.add_(branch);
}

namespace {

bool has_attention_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t width) {
  const auto fits = [](const at::Tensor& x) {
    return x.is_cpu() && x.scalar_type() == at::kBFloat16 && x.stride(2) == 1 && x.size(1) > 0;
  };
  const bool is_learning =
      at::GradMode::is_enabled() && (q.requires_grad() || k.requires_grad() || v.requires_grad());
  return fits(q) && fits(k) && fits(v) && !is_learning && kernels::has_attention_cpu(width);
}

at::Tensor attention_by_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads) {
  const int64_t width = q.size(2) / heads;
  const auto data = [](const at::Tensor& x) {
    return static_cast<const kernels::BFloat16*>(x.const_data_ptr());
  };
  const auto strides = [&](const at::Tensor& x) {
    return kernels::AttentionStrides{x.stride(0), x.stride(1), width};
  };
  at::Tensor out = at::empty(q.sizes(), q.options());
  kernels::attention_cpu({.query = data(q),
                          .key = data(k),
                          .value = data(v),
                          .out = static_cast<kernels::BFloat16*>(out.mutable_data_ptr()),
                          .query_strides = strides(q),
                          .key_strides = strides(k),
                          .value_strides = strides(v),
                          .out_strides = strides(out),
                          .batch = q.size(0),
                          .heads = heads,
                          .queries = q.size(1),
                          .keys = k.size(1),
                          .width = width,
                          .scale = 1 / std::sqrt(static_cast<float>(width))});
  return out;
}

}  // namespace

at::Tensor multi_head_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads,
                                Causal causal) {
  if (causal == Causal::kNo && has_attention_kernel(q, k, v, q.size(2) / heads)) {
    return attention_by_kernel(q, k, v, heads);
  }
  const auto split = [heads](const at::Tensor& x) {  // [B, T, D] -> [B, heads, T, D / heads]
    return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
  };
  const at::Tensor out =
      at::scaled_dot_product_attention(split(q), split(k), split(v), {}, 0.0, causal == Causal::kYes);
  return out.transpose(1, 2).reshape(q.sizes());
}

}  // namespace relievo
