#include "multiview/unet_transformer.h"

#include <ATen/ATen.h>

#include "multiview/resnet.h"

namespace relievo {
namespace {

constexpr double kFirstEpsilon = 1e-6;  // epsilon of the first norm

}  // namespace

/// A block works on tokens `[B, own + others, width]`: a picture's own, then the reference's.
struct UnetTransformer::Block : TransformerBlock {
  using TransformerBlock::TransformerBlock;

  /// The self attention's branch, for the own tokens alone where `own_alone`.
  at::Tensor self_attention(at::Tensor normed, int64_t own, bool own_alone) const {
    const auto [key, value] = self->key_value(normed);
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

  void add_mlp_seen(const at::Tensor& x, const UnetPass& pass, const std::string& path) const {
    if (!pass.observer) return add_mlp(x, pass.check);
    const at::Tensor branch = mlp(x);
    pass.observer(path + ".ff", branch);
    x.add_(branch);
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
    branch = cross->forward(norm2->forward(x), prompt);
    observe(pass.observer, path + ".attn2", branch);
    x.add_(branch);
    branch.reset();
    add_mlp_seen(x, pass, path);
    return x;
  }
};

UnetTransformer::UnetTransformer(int64_t width, int64_t heads, int64_t prompt_width, int64_t groups)
    : norm_(add("norm", std::make_shared<GroupNorm>(groups, width, kFirstEpsilon))),
      proj_in_(add("proj_in", std::make_shared<Linear>(width, width))),
      proj_out_(add("proj_out", std::make_shared<Linear>(width, width))),
      block_(add("transformer_blocks.0", std::make_shared<Block>(width, prompt_width, heads))) {}

UnetTransformer::~UnetTransformer() = default;

KeyValue UnetTransformer::prompt(const at::Tensor& states) const { return block_->cross->key_value(states); }

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
