// Convolutions over large pictures a strip of rows at a time: of what lies between two layers only a strip is
// there at once. The result is that of the whole picture: normalisation takes its statistics from all of it.
#pragma once

#include <cstdint>
#include <functional>

#include <ATen/core/Tensor.h>

#include "base/control.h"
#include "multiview/resnet.h"
#include "nn/layers.h"

namespace relievo {

struct Strips {
  int64_t bytes = int64_t{8} << 20;  ///< of a strip that goes into a convolution, about
  CancelToken cancel = {};           ///< looked at before each strip
};

/// The convolution's input is `[B, C, height, W]`; `fill(rows, first)` writes its rows from `first` on into
/// `rows`, in order and each once. `take(result, first)` is given the output's, of the same size.
struct StripSource {
  at::IntArrayRef shape;
  at::TensorOptions options;
  std::function<void(const at::Tensor& rows, int64_t first)> fill;
};
void convolve(const StripSource& source, const Conv2d& conv, const Strips& strips,
              const std::function<void(const at::Tensor& result, int64_t first)>& take);

/// conv(silu(norm(x))), a 3x3 convolution.
at::Tensor normed_convolution(const at::Tensor& x, const GroupNorm& norm, const Conv2d& conv,
                              const Strips& strips);

/// conv(x twice as large), a 3x3 convolution; pixels are repeated.
at::Tensor upsampled_convolution(const at::Tensor& x, const Conv2d& conv, const Strips& strips);

/// ResnetBlock::forward without a time.
at::Tensor forward_in_strips(const ResnetBlock& block, const at::Tensor& x, const Strips& strips);

}  // namespace relievo
