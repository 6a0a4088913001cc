// Answers a field's questions point by point on the CPU.
#pragma once

#include <ATen/ATen.h>

#include "base/parallel.h"

namespace relievo {

/// Calls `body(point, result)` for each of the points `[N, D]`; returns a result of the given shape, `[N]`
/// or `[N, C]`.
template <typename Body>
at::Tensor map_points(const at::Tensor& points, at::IntArrayRef shape, const Body& body) {
  constexpr int64_t kGrain = 8192;  // points
  const at::Tensor in = points.contiguous();
  at::Tensor out = at::empty(shape, in.options());
  const int64_t axes = in.size(1), channels = shape.size() == 2 ? shape[1] : 1;
  const float* from = in.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  parallel_for(in.size(0), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(from + axes * i, to + channels * i);
  });
  return out;
}

}  // namespace relievo
