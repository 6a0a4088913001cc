#include "nn/transformer_block.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/gated_gelu.h"
#include "nn/activations.h"
#include "nn/launch.h"

namespace relievo {
namespace {

constexpr double kEpsilon = 1e-5;

/// The size of the MLP's chunks, in numbers of its widest layer; on a GPU, where each chunk costs launches
/// and half precision halves the bytes, a picture of the published size is one.
constexpr int64_t kMlpNumbers = int64_t{1} << 24, kMlpNumbersOnGpu = int64_t{1} << 26;

}  // namespace

ProjectedAttention::ProjectedAttention(int64_t width, int64_t condition_width, int64_t heads_)
    : heads(heads_),
      to_query(add("to_q", std::make_shared<Linear>(width, width, Bias::kNo))),
      to_key(add("to_k", std::make_shared<Linear>(condition_width, width, Bias::kNo))),
      to_value(add("to_v", std::make_shared<Linear>(condition_width, width, Bias::kNo))),
      to_out(add("to_out.0", std::make_shared<Linear>(width, width))) {}

KeyValue ProjectedAttention::key_value(const at::Tensor& condition) const {
  return {to_key->forward(condition), to_value->forward(condition)};
}

namespace {

/// The weights of several layers `[out, in]` as one `[sum of out, in]`, where they lie one behind the other
/// on a GPU and do not learn; else undefined.
at::Tensor stacked(std::initializer_list<const Linear*> layers) {
  const at::Tensor& first = (*layers.begin())->weight;
  if (first.is_cpu() || first.requires_grad()) return {};  // a view of several has no gradients of each
  int64_t rows = 0;
  for (const Linear* layer : layers) {
    const at::Tensor& weight = layer->weight;
    const bool follows = weight.is_contiguous() && weight.size(1) == first.size(1) &&
                         weight.is_alias_of(first) &&
                         weight.storage_offset() == first.storage_offset() + rows * first.size(1);
    if (!follows) return {};
    rows += weight.size(0);
  }
  return first.as_strided({rows, first.size(1)}, {first.size(1), 1});
}

}  // namespace

std::pair<at::Tensor, KeyValue> ProjectedAttention::query_key_value(const at::Tensor& x,
                                                                    int64_t queries) const {
  const at::Tensor weights = stacked({to_query.get(), to_key.get(), to_value.get()});
  if (weights.defined()) {
    const auto parts = at::linear(x, weights).chunk(3, -1);
    return {parts[0].narrow(1, 0, queries), {parts[1], parts[2]}};
  }
  KeyValue own = key_value(x);
  return {to_query->forward(x.narrow(1, 0, queries)), std::move(own)};
}

at::Tensor ProjectedAttention::attend(const at::Tensor& x, const KeyValue& condition) const {
  return multi_head_attention(to_query->forward(x), condition.key, condition.value, heads);
}

at::Tensor ProjectedAttention::forward(const at::Tensor& x, const KeyValue& condition) const {
  return to_out->forward(attend(x, condition));
}

GatedMlp::GatedMlp(int64_t width)
    : value_and_gate(add("net.0.proj", std::make_shared<Linear>(width, 8 * width))),
      out(add("net.2", std::make_shared<Linear>(4 * width, width))) {}

at::Tensor GatedMlp::gated(const at::Tensor& x) const {
  const at::Tensor both = value_and_gate->forward(x);
  if (has_gpu_kernels(both) || has_activation_kernel(both)) {
    const int64_t width = both.size(-1) / 2;
    std::vector<int64_t> shape = both.sizes().vec();
    shape.back() = width;
    at::Tensor result = at::empty(shape, both.options());
    launch_on(both.device(), RELIEVO_LAUNCHERS(gate),
              kernels::GatedGelu{.type = number_type(both),
                                 .in = both.const_data_ptr(),
                                 .out = result.mutable_data_ptr(),
                                 .rows = result.numel() / width,
                                 .width = width});
    return result;
  }
  const auto halves = both.chunk(2, -1);
  return at::gelu(halves[1]).mul_(halves[0]);
}

TransformerBlock::TransformerBlock(int64_t width, int64_t condition_width, int64_t heads)
    : norm1(add("norm1", std::make_shared<LayerNorm>(width, kEpsilon))),
      norm2(add("norm2", std::make_shared<LayerNorm>(width, kEpsilon))),
      norm3(add("norm3", std::make_shared<LayerNorm>(width, kEpsilon))),
      self(add("attn1", std::make_shared<ProjectedAttention>(width, width, heads))),
      cross(add("attn2", std::make_shared<ProjectedAttention>(width, condition_width, heads))),
      feed_forward(add("ff", std::make_shared<GatedMlp>(width))) {}

namespace {

/// Calls the body with x's rows `[rows, width]`, as many at a time as the numbers of the MLP allow.
template <typename Body>
void for_chunks(const at::Tensor& x, int64_t numbers, const std::function<void()>& check, const Body& body) {
  const at::Tensor rows = x.view({-1, x.size(-1)});
  const int64_t chunk = std::max<int64_t>(1, numbers / (8 * x.size(-1)));
  for (int64_t first = 0; first < rows.size(0); first += chunk) {
    check();
    body(rows.narrow(0, first, std::min(chunk, rows.size(0) - first)));
  }
}

}  // namespace

void TransformerBlock::add_mlp(const at::Tensor& x, const std::function<void()>& check) const {
  for_chunks(x, kMlpNumbers, check, [&](const at::Tensor& part) { part.add_(mlp(part)); });
}

void TransformerBlock::add_mlp_on_gpu(const at::Tensor& x, const std::function<void()>& check) const {
  for_chunks(x, kMlpNumbersOnGpu, check, [&](const at::Tensor& part) {
    const at::Tensor normed = norm3->forward_and_add(part, feed_forward->out->bias);
    add_product(part, feed_forward->gated(normed), *feed_forward->out);
  });
}

at::Tensor TransformerBlock::forward(at::Tensor x, const at::Tensor& condition,
                                     const std::function<void()>& check, const std::string& name,
                                     const Observer& observer, const SharedRows* shared) const {
  const auto see = [&](const char* what, const at::Tensor& seen) {
    if (observer) observer(name + "." + what, seen);
  };
  check();
  at::Tensor normed = norm1->forward(x);
  see("norm1", normed);
  KeyValue seen = self->key_value(normed);
  if (shared) seen = {shared->joined(seen.key, 1), shared->joined(seen.value, 1)};
  at::Tensor branch = self->forward(normed, seen);
  seen = {};
  see("attn1", branch);
  x = plus(std::move(x), branch);
  check();
  normed = norm2->forward(x);
  see("norm2", normed);
  branch = cross->forward(normed, cross->key_value(condition));
  see("attn2", branch);
  x = plus(std::move(x), branch);
  normed.reset();
  branch.reset();
  if (!observer && !at::GradMode::is_enabled()) {
    add_mlp(x, check);
    return x;
  }
  normed = norm3->forward(x);
  see("norm3", normed);
  const at::Tensor gated = feed_forward->gated(normed);
  see("geglu", gated);
  branch = feed_forward->out->forward(gated);
  see("ff", branch);
  x = plus(std::move(x), branch);
  observe(observer, name, x);
  return x;
}

}  // namespace relievo
