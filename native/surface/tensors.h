// Conversions between what kernels/ takes and tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include "base/mesh.h"

namespace relievo {

/// Turns counts into the places where variable-length results begin: `starts` `[N + 1]` int32, zero first,
/// then counts, becomes its own running sum. Returns the last sum. Throws Error{kInternal} when it is more
/// than `largest`.
int64_t sum_up(at::Tensor& starts, int64_t largest);

/// Copies a constant of the program to a device, as bytes.
at::Tensor constant_on(const at::Device& device, const void* data, int64_t bytes);

/// Makes a surface of vertices `[V, 3]` float32 and faces `[F, 3]` int32.
Surface surface_of(const at::Tensor& vertices, const at::Tensor& faces);

}  // namespace relievo
