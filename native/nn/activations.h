// SiLU and GELU as the networks take them.
#pragma once

#include <ATen/core/Tensor.h>

namespace relievo {

/// Whether kernels/activations.h computes x: float32 or bfloat16 on a processor, contiguous, without
/// gradients. A number's result then does not depend on the others.
bool has_activation_kernel(const at::Tensor& x);

/// Return a tensor of the same shape: by our kernel where there is one, else by torch.
at::Tensor apply_silu(const at::Tensor& x);
at::Tensor apply_gelu(const at::Tensor& x);

}  // namespace relievo
