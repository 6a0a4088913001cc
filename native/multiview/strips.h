// Convolutions over large pictures, a strip of rows at a time, so that only a strip of each intermediate
// result is held. The result is that of the whole picture: normalisation takes its statistics from all of it.
// Of a batch all pictures' strips go through a layer together on a GPU, where every launch counts, and one
// picture's after the other's on the CPU, where a picture's bits then do not depend on its batchmates.
#pragma once

#include <cstdint>
#include <functional>

#include <ATen/core/Tensor.h>

#include "multiview/resnet.h"
#include "nn/batch_control.h"
#include "nn/layers.h"
#include "nn/shared_rows.h"

namespace relievo {

struct Strips {
  /// The size of a picture's strip that goes into a convolution, about.
  int64_t bytes = int64_t{8} << 20;
  BatchControl cancel = {};  ///< checked before each strip
  /// Where workers share the pictures, whose own rows are then given and come out; else null.
  const SharedRows* shared = nullptr;
};

/// The convolution's input is `[B, C, height, W]`; `fill(rows, first)` writes its rows from `first` on into
/// `rows`: where workers share them, the first and the last one for the neighbours, and then all in order and
/// each once. `take(result, first)` gets the output's rows, of the same size.
struct StripSource {
  at::IntArrayRef shape;
  at::TensorOptions options;
  std::function<void(const at::Tensor& rows, int64_t first)> fill;
};
void convolve(const StripSource& source, const Conv2d& conv, const Strips& strips,
              const std::function<void(const at::Tensor& result, int64_t first)>& take);

/// Computes conv(silu(norm(x))) for a 3x3 convolution.
at::Tensor normed_convolution(const at::Tensor& x, const GroupNorm& norm, const Conv2d& conv,
                              const Strips& strips);

/// Computes conv(x enlarged to twice its size) for a 3x3 convolution; pixels are repeated.
at::Tensor upsampled_convolution(const at::Tensor& x, const Conv2d& conv, const Strips& strips);

/// Computes ResnetBlock::forward without a time.
at::Tensor forward_in_strips(const ResnetBlock& block, const at::Tensor& x, const Strips& strips);

}  // namespace relievo
