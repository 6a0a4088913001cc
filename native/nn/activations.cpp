#include "nn/activations.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/activations.h"
#include "nn/plain_pass.h"

namespace relievo {
namespace {

template <typename Kernel>
at::Tensor by_kernel(const at::Tensor& x, const Kernel& kernel) {
  at::Tensor out = at::empty_like(x);
  kernel(kernels::Activation{.in = x.const_data_ptr(),
                             .out = out.mutable_data_ptr(),
                             .is_bfloat16 = x.scalar_type() == at::kBFloat16,
                             .count = x.numel()});
  return out;
}

}  // namespace

bool has_activation_kernel(const at::Tensor& x) {
  const at::ScalarType type = x.scalar_type();
  const bool is_learning = PlainPass::is_on() || (at::GradMode::is_enabled() && x.requires_grad());
  return x.is_cpu() && (type == at::kFloat || type == at::kBFloat16) && x.is_contiguous() && !is_learning;
}

at::Tensor apply_silu(const at::Tensor& x) {
  return has_activation_kernel(x) ? by_kernel(x, kernels::silu_cpu) : at::silu(x);
}

at::Tensor apply_gelu(const at::Tensor& x) {
  return has_activation_kernel(x) ? by_kernel(x, kernels::gelu_cpu) : at::gelu(x);
}

}  // namespace relievo
