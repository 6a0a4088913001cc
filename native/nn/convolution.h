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

/// While such an object lives, the memory that its thread's convolutions take is kept between them: asking
/// the system for fresh pages each time is a tenth of their time. It does not nest.
class KeptConvolutionRoom {
 public:
  KeptConvolutionRoom();
  ~KeptConvolutionRoom();
  KeptConvolutionRoom(const KeptConvolutionRoom&) = delete;
  KeptConvolutionRoom& operator=(const KeptConvolutionRoom&) = delete;
};

/// The zeros around a picture, in rows and in columns.
struct Padding {
  int64_t rows = 0, columns = 0;
};

/// Convolves x `[B, in, H, W]` with `weight` `[out, in, kernel, kernel]` by steps of `stride` pixels; `bias`
/// is `[out]`, or undefined. Without gradients on a processor, where channels lie last in memory, float32 is
/// ours: a kernel of 3 x 3 by steps of one pixel, with columns padded by 1, is computed by
/// kernels/winograd.h, in half the time; one with steps or few channels by its rows where they lie
/// (kernels/matrix_product.h); any other is a product of its patches. In bfloat16 are ours: 3 x 3 by steps of
/// one where the processor has no AMX, and patches beside each other. All take up to kConvolutionBytes beyond
/// the result and a copy of x where it is padded. A picture's result then does not depend on its batchmates,
/// nor on a strip's height if strips begin at multiples of 4 (torch's kernels are chosen by the size).
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Padding padding,
                    int64_t stride = 1);

}  // namespace relievo
