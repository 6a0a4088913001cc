#include "nn/transformer_block.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace relievo {
namespace {

constexpr double kEpsilon = 1e-5;

/// The size of the MLP's chunks, in numbers of its widest layer.
constexpr int64_t kMlpNumbers = int64_t{1} << 24;

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

at::Tensor ProjectedAttention::forward(const at::Tensor& x, const KeyValue& condition) const {
  return to_out->forward(multi_head_attention(to_query->forward(x), condition.key, condition.value, heads));
}

GatedMlp::GatedMlp(int64_t width)
    : value_and_gate(add("net.0.proj", std::make_shared<Linear>(width, 8 * width))),
      out(add("net.2", std::make_shared<Linear>(4 * width, width))) {}

at::Tensor GatedMlp::gated(const at::Tensor& x) const {
  const auto halves = value_and_gate->forward(x).chunk(2, -1);
  return at::gelu(halves[1]).mul_(halves[0]);
}

TransformerBlock::TransformerBlock(int64_t width, int64_t condition_width, int64_t heads)
    : norm1(add("norm1", std::make_shared<LayerNorm>(width, kEpsilon))),
      norm2(add("norm2", std::make_shared<LayerNorm>(width, kEpsilon))),
      norm3(add("norm3", std::make_shared<LayerNorm>(width, kEpsilon))),
      self(add("attn1", std::make_shared<ProjectedAttention>(width, width, heads))),
      cross(add("attn2", std::make_shared<ProjectedAttention>(width, condition_width, heads))),
      feed_forward(add("ff", std::make_shared<GatedMlp>(width))) {}

void TransformerBlock::add_mlp(const at::Tensor& x, const std::function<void()>& check) const {
  const at::Tensor rows = x.view({-1, x.size(-1)});
  const int64_t chunk = std::max<int64_t>(1, kMlpNumbers / (8 * x.size(-1)));
  for (int64_t first = 0; first < rows.size(0); first += chunk) {
    check();
    const at::Tensor part = rows.narrow(0, first, std::min(chunk, rows.size(0) - first));
    part.add_(mlp(part));
  }
}

at::Tensor TransformerBlock::forward(at::Tensor x, const at::Tensor& condition,
                                     const std::function<void()>& check, const std::string& name,
                                     const Observer& observer) const {
  const auto see = [&](const char* what, const at::Tensor& seen) {
    if (observer) observer(name + "." + what, seen);
  };
  check();
  at::Tensor normed = norm1->forward(x);
  see("norm1", normed);
  at::Tensor branch = self->forward(normed, self->key_value(normed));
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
