#include "multiview/unet_transformer.h"

#include <ATen/ATen.h>

#include "multiview/resnet.h"
#include "nn/launch.h"

namespace relievo {
namespace {

constexpr double kFirstEpsilon = 1e-6;  // epsilon of the first norm

}  // namespace

/// A block works on tokens `[B, own + others, width]`: a picture's own, then the reference's.
struct UnetTransformer::Block : TransformerBlock {
  using TransformerBlock::TransformerBlock;

  /// What the self attention sees, for the own tokens alone where `own_alone`; its last layer is not in it.
  at::Tensor self_attention(at::Tensor normed, int64_t own, bool own_alone, const SharedRows* shared) const {
    const int64_t others = normed.size(1) - own;
    auto [query, state] = self->query_key_value(normed, own_alone ? own : normed.size(1));
    const auto& [key, value] = state;
    normed.reset();
    // The picture's tokens are those of all workers that share it.
    const auto of_all = [&](const at::Tensor& tokens) {
      if (!shared) return tokens;
      const at::Tensor picture = shared->joined(tokens.narrow(1, 0, own), 1);
      return others > 0 ? at::cat({picture, tokens.narrow(1, own, others)}, 1) : picture;
    };
    const at::Tensor keys = of_all(key), values = of_all(value);
    at::Tensor out = multi_head_attention(query.narrow(1, 0, own), keys, values, self->heads);
    if (others > 0 && !own_alone) {
      const at::Tensor rest = multi_head_attention(query.narrow(1, own, others), key.narrow(1, own, others),
                                                   value.narrow(1, own, others), self->heads);
      query.reset();
      out = at::cat({out, rest}, 1);
    }
    return out;
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
    at::Tensor branch = self->to_out->forward(self_attention(std::move(normed), own, own_alone, pass.shared));
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

  /// The same by our own kernels, without observers: the norms prepare x, and the products add to it.
  at::Tensor forward_on_gpu(at::Tensor x, int64_t own, bool is_last, const KeyValue& prompt,
                            const UnetPass& pass) const {
    const bool own_alone = is_last && x.size(1) > own;
    at::Tensor seen = self_attention(norm1->forward_and_add(x, self->to_out->bias), own, own_alone, nullptr);
    if (own_alone) x = x.narrow(1, 0, own).contiguous();
    add_product(x, seen, *self->to_out);
    pass.check();
    seen = cross->attend(norm2->forward_and_add(x, cross->to_out->bias), prompt);
    add_product(x, seen, *cross->to_out);
    seen.reset();
    add_mlp_on_gpu(x, pass.check);
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

void UnetTransformer::forward(FeatureMaps& maps, bool is_last, const KeyValue& prompt,
                              const std::string& path, const UnetPass& pass) const {
  const bool has_kernels = has_gpu_kernels(maps.front().x) && !pass.shared;
  const int64_t own = maps.front().x.size(2) * maps.front().x.size(3);
  at::Tensor tokens;
  if (has_kernels) {
    tokens = token_norm(*norm_, maps);
  } else {
    tokens = tokens_of(norm_->forward(maps.front().x, pass.shared));
    if (maps.size() > 1) tokens = at::cat({tokens, tokens_of(norm_->forward(maps.back().x))}, 1);
  }
  if (is_last) maps.resize(1);
  tokens = proj_in_->forward(tokens);
  if (has_kernels && !pass.observer && !pass.reference_observer) {
    tokens = block_->forward_on_gpu(std::move(tokens), own, is_last, prompt, pass);
  } else {
    tokens = block_->forward(std::move(tokens), own, is_last, prompt, path + ".transformer_blocks.0", pass);
  }
  const at::Tensor found = proj_out_->forward(tokens);
  if (has_kernels) {
    add_tokens(maps, found);
  } else {
    int64_t before = 0;
    for (FeatureMap& map : maps) {
      const int64_t height = map.x.size(2), width = map.x.size(3);
      map.x.add_(picture_of(found.narrow(1, before, height * width), height, width));
      before += height * width;
    }
  }
  observe(pass.observer, path, maps.front().x);
}

}  // namespace relievo
