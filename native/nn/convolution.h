// Convolutions and linear layers on a processor, by the quickest way that there is for them.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace relievo {

/// Returns x `[..., in]` times `weight` `[out, in]` transposed, plus `bias` `[out]` where it is defined. In
/// float32 without gradients on a processor it is kernels/matrix_product.h that computes it: a row's result
/// does not depend on the others.
at::Tensor apply_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {});

/// The memory that a convolution on a processor may take besides its result.
inline constexpr int64_t kConvolutionBytes = int64_t{48} << 20;

/// The zeros around a picture, in rows and in columns.
struct Padding {
  int64_t rows = 0, columns = 0;
};

/// Convolves x `[B, in, H, W]` with `weight` `[out, in, kernel, kernel]` by steps of one pixel; `bias` is
/// `[out]`, or undefined. A kernel of 3 x 3 in float32 without gradients on a processor is computed by
/// kernels/winograd.h where channels lie last in memory and columns are padded by 1: in half the time, with
/// up to kConvolutionBytes beyond the result; so is one in bfloat16 where the processor has no AMX. A
/// picture's result does not depend on its batchmates, nor on a strip's height if strips begin at multiples
/// of 4.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Padding padding);

}  // namespace relievo
