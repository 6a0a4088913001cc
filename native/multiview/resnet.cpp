#include "multiview/resnet.h"

#include <ATen/ATen.h>

namespace relievo {

ResnetBlock::ResnetBlock(int64_t in, int64_t out, int64_t time_width, int64_t groups, double epsilon)
    : norm1(register_module("norm1", std::make_shared<GroupNorm>(groups, in, epsilon))),
      norm2(register_module("norm2", std::make_shared<GroupNorm>(groups, out, epsilon))),
      conv1(register_module("conv1", std::make_shared<Conv2d>(in, out, 3, ConvSettings{.padding = 1}))),
      conv2(register_module("conv2", std::make_shared<Conv2d>(out, out, 3, ConvSettings{.padding = 1}))) {
  if (in != out) shortcut = register_module("conv_shortcut", std::make_shared<Conv2d>(in, out, 1));
  if (time_width > 0) {
    time_projection = register_module("time_emb_proj", std::make_shared<Linear>(time_width, out));
  }
}

at::Tensor ResnetBlock::forward(const at::Tensor& x, const at::Tensor& shift,
                                const SharedRows* shared) const {
  at::Tensor hidden = conv1->on_rows(norm1->silu(x, shared), shared);
  if (shift.defined()) hidden.add_(shift.unsqueeze(-1).unsqueeze(-1));
  hidden = conv2->on_rows(norm2->silu(hidden, shared), shared);
  return hidden.add_(shortcut ? shortcut->forward(x) : x);
}

void ResnetBlock::forward(FeatureMaps& maps, const at::Tensor& shift, const at::Tensor& joined) const {
  FeatureMaps hidden;
  for (const at::Tensor& normed : silu_norm(*norm1, maps))
    hidden.push_back({conv1->on_channels_last(normed)});
  std::vector<at::Tensor> branches;
  for (const at::Tensor& normed : silu_norm(*norm2, hidden, shift)) {
    branches.push_back(conv2->on_channels_last(normed));
  }
  hidden.clear();
  if (shortcut && joined.defined()) {
    // A convolution of one pixel is a product of matrices, for all maps at once.
    const at::Tensor short_way = at::linear(joined, shortcut->weight.flatten(1), shortcut->bias);
    for (size_t i = 0; i < maps.size(); ++i) maps[i] = {branches[i]};
    return add_tokens(maps, short_way);
  }
  if (shortcut) {
    for (FeatureMap& map : maps) map.x = shortcut->on_channels_last(map.x);
  }
  add_branches(maps, branches);
}

at::Tensor tokens_of(const at::Tensor& picture) { return picture.permute({0, 2, 3, 1}).flatten(1, 2); }

at::Tensor picture_of(const at::Tensor& tokens, int64_t height, int64_t width) {
  return tokens.unflatten(1, {height, width}).permute({0, 3, 1, 2});
}

}  // namespace relievo
