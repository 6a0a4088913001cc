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
#include "nn/plain_pass.h"
#include "nn/shared_rows.h"
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
  if (PlainPass::is_on() || (at::GradMode::is_enabled() && x.requires_grad())) return false;
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

/// The moments of each group of channels of x `[B, C, H, W]`, by tiles of kTileRows rows: `[B, tiles, groups,
/// 3]` in double precision, count, mean and sum of squared differences. A tile's do not depend on the others.
at::Tensor moments_by_kernel(const at::Tensor& x, int64_t groups) {
  kernels::GroupMoments find{.in = x.const_data_ptr(),
                             .is_bfloat16 = x.scalar_type() == at::kBFloat16,
                             .batch = x.size(0),
                             .pixels = x.size(2) * x.size(3),
                             .channels = x.size(1),
                             .groups = groups,
                             .block = kTileRows * x.size(3)};
  const at::Tensor moments = at::empty({find.batch, find.blocks(), groups, 3}, at::kDouble);
  find.moments = moments.mutable_data_ptr<double>();
  kernels::group_moments_cpu(find);
  return moments;
}

/// The same by torch, in float32 by a strip of rows at a time: half precision would lose the variance, and
/// the whole picture in float32 is twice what a GPU has planned for.
at::Tensor moments_of_groups(const at::Tensor& x, int64_t groups) {
  constexpr int64_t kStripBytes = int64_t{32} << 20;
  const int64_t height = x.size(2), row = x.numel() / height;
  const int64_t tiles_at_once =
      std::max<int64_t>(kStripBytes / (row * int64_t{sizeof(float)} * kTileRows), 1);
  std::vector<at::Tensor> all;
  const auto add = [&](int64_t first, int64_t tiles, int64_t rows) {
    const at::Tensor strip =
        x.narrow(2, first, tiles * rows).unflatten(2, {tiles, rows}).unflatten(1, {groups, -1});
    const auto [variance, mean] = at::var_mean(strip.to(at::kFloat), at::IntArrayRef{2, 4, 5}, 0);
    const double count = static_cast<double>(x.size(1) / groups * rows * x.size(3));
    all.push_back(at::stack({at::full_like(mean, count), mean, variance * count}, -1).transpose(1, 2));
  };
  const int64_t whole = height / kTileRows;
  for (int64_t tile = 0; tile < whole; tile += tiles_at_once) {
    add(tile * kTileRows, std::min(tiles_at_once, whole - tile), kTileRows);
  }
  if (height % kTileRows != 0) add(whole * kTileRows, 1, height % kTileRows);
  return at::cat(all, 1).to(at::kDouble);
}

}  // namespace

/// The tiles' moments are merged as Chan, Golub and LeVeque do (1983, "Algorithms for Computing the Sample
/// Variance").
GroupNorm::Affine GroupNorm::affine(const at::Tensor& x, const SharedRows* shared) const {
  at::Tensor moments = has_norm_kernel(x) ? moments_by_kernel(x, groups) : moments_of_groups(x, groups);
  if (shared) moments = shared->joined(moments, 1);
  const at::Tensor count = moments.select(-1, 0), means = moments.select(-1, 1), total = count.sum(1);
  const at::Tensor mean = (count * means).sum(1) / total;
  const at::Tensor apart = means - mean.unsqueeze(1);
  const at::Tensor variance = (moments.select(-1, 2) + count * apart.square()).sum(1) / total;
  const auto by_channel = [&](const at::Tensor& of_group) {
    return of_group.repeat_interleave(x.size(1) / groups, 1);
  };
  const at::Tensor factor = by_channel((variance + epsilon).rsqrt()) * weight.to(at::kDouble);
  const at::Tensor shift = bias.to(at::kDouble) - by_channel(mean) * factor;
  return {factor.to(at::kFloat).contiguous(), shift.to(at::kFloat).contiguous()};
}

void GroupNorm::Affine::into(const at::Tensor& out, const at::Tensor& x, bool with_silu) const {
  if (has_norm_kernel(x) && has_norm_kernel(out)) return scale_channels(out, x, *this, with_silu);
  const auto wide = [](const at::Tensor& t) { return t.unsqueeze(-1).unsqueeze(-1); };
  at::Tensor y = at::addcmul(wide(shift), x, wide(factor));  // addcmul promotes to float32
  out.copy_(with_silu ? at::silu_(y) : y);
}

at::Tensor GroupNorm::normalised(const at::Tensor& x, bool with_silu, const SharedRows* shared) const {
  const bool is_learning = PlainPass::is_on() || (at::GradMode::is_enabled() && weight.requires_grad());
  if (is_learning || (!shared && !has_norm_kernel(x))) {
    at::Tensor y = at::group_norm(x, groups, weight, bias, epsilon);
    return with_silu ? at::silu_(y) : y;
  }
  at::Tensor y = at::empty_like(x);
  affine(x, shared).into(y, x, with_silu);
  return y;
}

Conv2d::Conv2d(int64_t in, int64_t out, int64_t kernel, ConvSettings settings_, Bias with_bias)
    : weight(register_parameter("weight", placeholder({out, in, kernel, kernel}), false)),
      settings(settings_) {
  if (with_bias == Bias::kYes) bias = register_parameter("bias", placeholder({out}), false);
}

at::Tensor Conv2d::forward(const at::Tensor& x) const {
  if (settings.dilation == 1) {
    return convolve(x, weight, bias, {.rows = settings.padding, .columns = settings.padding},
                    settings.stride);
  }
  return at::conv2d(x, weight, bias, settings.stride, settings.padding, settings.dilation);
}

at::Tensor Conv2d::on_channels_last(const at::Tensor& x) const {
  constexpr auto kLast = at::MemoryFormat::ChannelsLast;
  return forward(x.contiguous(kLast)).contiguous(kLast);
}

at::Tensor Conv2d::on_rows(const at::Tensor& x, const SharedRows* shared) const {
  if (!shared) return forward(x);
  const at::Tensor wide = shared->with_neighbours(x);
  if (settings.dilation == 1) {
    return convolve(wide, weight, bias, {.rows = 0, .columns = settings.padding}, settings.stride);
  }
  return at::conv2d(wide, weight, bias, settings.stride, at::IntArrayRef{0, settings.padding},
                    settings.dilation);
}

ConvTranspose2d::ConvTranspose2d(int64_t in, int64_t out, int64_t kernel, int64_t stride_)
    : weight(register_parameter("weight", placeholder({in, out, kernel, kernel}), false)),
      bias(register_parameter("bias", placeholder({out}), false)),
      stride(stride_) {}

at::Tensor ConvTranspose2d::forward(const at::Tensor& x) const {
  const int64_t kernel = weight.size(2), outputs = weight.size(1);
  const bool is_learning =
      PlainPass::is_on() || (at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad()));
  if (!x.is_cpu() || x.scalar_type() != at::kFloat || kernel != stride || is_learning)
    return at::conv_transpose2d(x, weight, bias, stride);
  // Each pixel becomes a square of its own. As a product of matrices it does not depend on its batchmates.
  const at::Tensor squares =
      apply_linear(x.permute({0, 2, 3, 1}), weight.permute({2, 3, 1, 0}).reshape({-1, x.size(1)}));
  const at::Tensor placed = squares.unflatten(-1, {kernel, kernel, outputs}).permute({0, 5, 1, 3, 2, 4});
  return placed.reshape({x.size(0), outputs, kernel * x.size(2), kernel * x.size(3)}) +
         bias.view({1, -1, 1, 1});
}

void add_product(const at::Tensor& x, const at::Tensor& in, const Linear& layer) {
  x.view({-1, x.size(-1)}).addmm_(in.reshape({-1, in.size(-1)}), layer.weight.t());
}

at::Tensor plus(at::Tensor x, const at::Tensor& branch) {
  return at::GradMode::is_enabled() ? x + branch : x.add_(branch);
}

namespace {

/// Whether they are float32 or bfloat16 on a processor, without gradients.
bool are_for_kernels(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const at::ScalarType type = q.scalar_type();
  const auto fits = [&](const at::Tensor& x) {
    const bool is_learning = PlainPass::is_on() || (at::GradMode::is_enabled() && x.requires_grad());
    return x.is_cpu() && x.scalar_type() == type && x.stride(2) == 1 && x.size(1) > 0 && !is_learning;
  };
  return (type == at::kFloat || type == at::kBFloat16) && fits(q) && fits(k) && fits(v);
}

template <typename T>
at::Tensor attention_by_kernel(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads) {
  const int64_t width = q.size(2) / heads;
  const auto data = [](const at::Tensor& x) { return static_cast<const T*>(x.const_data_ptr()); };
  const auto strides = [&](const at::Tensor& x) {
    return kernels::AttentionStrides{x.stride(0), x.stride(1), width};
  };
  at::Tensor out = at::empty(q.sizes(), q.options());
  kernels::attention_cpu(kernels::Attention<T>{.query = data(q),
                                               .key = data(k),
                                               .value = data(v),
                                               .out = static_cast<T*>(out.mutable_data_ptr()),
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
  if (causal == Causal::kNo && are_for_kernels(q, k, v)) {
    const bool is_bfloat = q.scalar_type() == at::kBFloat16;
    if (is_bfloat && kernels::has_bfloat_attention_cpu(q.size(2) / heads))
      return attention_by_kernel<kernels::BFloat16>(q, k, v, heads);
    if (kernels::has_float_attention_cpu()) {
      const auto in_float = [](const at::Tensor& x) { return x.to(at::kFloat); };
      return attention_by_kernel<float>(in_float(q), in_float(k), in_float(v), heads).to(q.scalar_type());
    }
  }
  const auto split = [heads](const at::Tensor& x) {  // [B, T, D] -> [B, heads, T, D / heads]
    return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
  };
  const at::Tensor out =
      at::scaled_dot_product_attention(split(q), split(k), split(v), {}, 0.0, causal == Causal::kYes);
  return out.transpose(1, 2).reshape(q.sizes());
}

}  // namespace relievo
