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

at::Tensor ResnetBlock::forward(const at::Tensor& x, const at::Tensor& time) const {
  at::Tensor hidden = conv1->forward(norm1->silu(x));
  if (time_projection) hidden.add_(time_projection->forward(time).unsqueeze(-1).unsqueeze(-1));
  hidden = conv2->forward(norm2->silu(hidden));
  return hidden.add_(shortcut ? shortcut->forward(x) : x);
}

at::Tensor tokens_of(const at::Tensor& picture) { return picture.permute({0, 2, 3, 1}).flatten(1, 2); }

at::Tensor picture_of(const at::Tensor& tokens, int64_t height, int64_t width) {
  return tokens.unflatten(1, {height, width}).permute({0, 3, 1, 2});
}

}  // namespace relievo
