#include "multiview/unet_transformer.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "multiview/resnet.h"

namespace relievo {
namespace {

constexpr double kEpsilon = 1e-5;       // of all norms but
constexpr double kFirstEpsilon = 1e-6;  // the first

/// The MLP takes rows in chunks, so that its widest layer holds at most so many numbers.
constexpr int64_t kMlpNumbers = int64_t{1} << 24;

}  // namespace

struct UnetTransformer::Attention : Group {
  Attention(int64_t width, int64_t condition_width, int64_t heads_) : heads(heads_) {
    to_query = add("to_q", std::make_shared<Linear>(width, width, Bias::kNo));
    to_key = add("to_k", std::make_shared<Linear>(condition_width, width, Bias::kNo));
    to_value = add("to_v", std::make_shared<Linear>(condition_width, width, Bias::kNo));
    to_out = add("to_out.0", std::make_shared<Linear>(width, width));
  }

  int64_t heads;
  std::shared_ptr<Linear> to_query, to_key, to_value, to_out;
};

/// Works on tokens `[B, own + others, width]`: a picture's own, then the reference's.
struct UnetTransformer::Block : Group {
  Block(int64_t width, int64_t prompt_width, int64_t heads) {
    norm1 = add("norm1", std::make_shared<LayerNorm>(width, kEpsilon));
    norm2 = add("norm2", std::make_shared<LayerNorm>(width, kEpsilon));
    norm3 = add("norm3", std::make_shared<LayerNorm>(width, kEpsilon));
    self = add("attn1", std::make_shared<Attention>(width, width, heads));
    cross = add("attn2", std::make_shared<Attention>(width, prompt_width, heads));
    gate_and_value = add("ff.net.0.proj", std::make_shared<Linear>(width, 8 * width));
    mlp_out = add("ff.net.2", std::make_shared<Linear>(4 * width, width));
  }

  /// The self attention's branch, of the own tokens alone where `own_alone`.
  at::Tensor self_attention(at::Tensor normed, int64_t own, bool own_alone) const {
    const at::Tensor key = self->to_key->forward(normed), value = self->to_value->forward(normed);
    const int64_t others = normed.size(1) - own;
    if (own_alone) normed = normed.narrow(1, 0, own);
    at::Tensor query = self->to_query->forward(normed);
    normed.reset();
    at::Tensor out = multi_head_attention(query.narrow(1, 0, own), key, value, self->heads);
    if (others > 0 && !own_alone) {
      const at::Tensor rest = multi_head_attention(query.narrow(1, own, others), key.narrow(1, own, others),
                                                   value.narrow(1, own, others), self->heads);
      query.reset();
      out = at::cat({out, rest}, 1);
    }
    return self->to_out->forward(out);
  }

  at::Tensor mlp(const at::Tensor& x) const {  // GEGLU, Shazeer 2020
    const auto halves = gate_and_value->forward(norm3->forward(x)).chunk(2, -1);
    return mlp_out->forward(at::gelu(halves[1]).mul_(halves[0]));
  }

  void add_mlp(const at::Tensor& x, const UnetPass& pass, const std::string& path) const {
    if (pass.observer) {
      const at::Tensor branch = mlp(x);
      pass.observer(path + ".ff", branch);
      x.add_(branch);
      return;
    }
    const at::Tensor rows = x.view({-1, x.size(-1)});
    const int64_t chunk = std::max<int64_t>(1, kMlpNumbers / (8 * x.size(-1)));
    for (int64_t first = 0; first < rows.size(0); first += chunk) {
      pass.check();
      const at::Tensor part = rows.narrow(0, first, std::min(chunk, rows.size(0) - first));
      part.add_(mlp(part));
    }
  }

  at::Tensor forward(at::Tensor x, int64_t own, bool is_last, const KeyValue& prompt, const std::string& path,
                     const UnetPass& pass) const {
    at::Tensor normed = norm1->forward(x);
    const int64_t others = x.size(1) - own;
    if (pass.observer) pass.observer(path + ".attn1.processor", normed.narrow(1, 0, own));
    if (pass.reference_observer && others > 0) {
      pass.reference_observer(path + ".attn1.processor", normed.narrow(1, own, others));
    }
    const bool own_alone = is_last && others > 0;
    at::Tensor branch = self_attention(std::move(normed), own, own_alone);
    observe(pass.observer, path + ".attn1", branch.narrow(1, 0, own));
    if (own_alone) {
      x = branch.add_(x.narrow(1, 0, own));
    } else {
      x.add_(branch);
    }
    pass.check();
    branch = cross->to_out->forward(multi_head_attention(cross->to_query->forward(norm2->forward(x)),
                                                         prompt.key, prompt.value, cross->heads));
    observe(pass.observer, path + ".attn2", branch);
    x.add_(branch);
    branch.reset();
    add_mlp(x, pass, path);
    return x;
  }

  std::shared_ptr<LayerNorm> norm1, norm2, norm3;
  std::shared_ptr<Attention> self, cross;
  std::shared_ptr<Linear> gate_and_value, mlp_out;
};

UnetTransformer::UnetTransformer(int64_t width, int64_t heads, int64_t prompt_width, int64_t groups)
    : norm_(add("norm", std::make_shared<GroupNorm>(groups, width, kFirstEpsilon))),
      proj_in_(add("proj_in", std::make_shared<Linear>(width, width))),
      proj_out_(add("proj_out", std::make_shared<Linear>(width, width))),
      block_(add("transformer_blocks.0", std::make_shared<Block>(width, prompt_width, heads))) {}

UnetTransformer::~UnetTransformer() = default;

KeyValue UnetTransformer::prompt(const at::Tensor& states) const {
  return {block_->cross->to_key->forward(states), block_->cross->to_value->forward(states)};
}

void UnetTransformer::forward(at::Tensor& x, at::Tensor& reference, bool is_last, const KeyValue& prompt,
                              const std::string& path, const UnetPass& pass) const {
  const int64_t own = x.size(2) * x.size(3);
  at::Tensor tokens = tokens_of(norm_->forward(x));
  if (reference.defined()) tokens = at::cat({tokens, tokens_of(norm_->forward(reference))}, 1);
  if (is_last) reference.reset();
  tokens =
      block_->forward(proj_in_->forward(tokens), own, is_last, prompt, path + ".transformer_blocks.0", pass);
  const at::Tensor found = proj_out_->forward(tokens);
  x.add_(picture_of(found.narrow(1, 0, own), x.size(2), x.size(3)));
  if (reference.defined()) {
    reference.add_(
        picture_of(found.narrow(1, own, found.size(1) - own), reference.size(2), reference.size(3)));
  }
  observe(pass.observer, path, x);
}

}  // namespace relievo
