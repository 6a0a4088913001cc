#include "train/learn/flat_parameters.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace relievo {

FlatParameters::FlatParameters(std::vector<at::Tensor> parameters, at::Device device)
    : parameters_(std::move(parameters)) {
  const at::NoGradGuard no_gradients;
  int64_t count = 0;
  for (const at::Tensor& parameter : parameters_) count += parameter.numel();
  values = at::empty({count}, at::TensorOptions().device(device));
  for (at::Tensor* each : {&gradients, &first_moment, &second_moment, &decays_})
    *each = at::zeros_like(values);
  int64_t place = 0;
  for (at::Tensor& parameter : parameters_) {
    const int64_t size = parameter.numel();
    const auto part = [&](const at::Tensor& whole) {
      return whole.narrow(0, place, size).view(parameter.sizes());
    };
    part(values).copy_(parameter);
    if (parameter.dim() > 1) part(decays_).fill_(1);
    const at::Tensor view = part(values);
    parameter.set_data(view);
    parameter.set_requires_grad(true);
    parameter.mutable_grad() = part(gradients);
    place += size;
  }
  averaged = values.clone();
}

void FlatParameters::clear_gradients() { gradients.zero_(); }

double FlatParameters::gradient_norm() const { return gradients.norm().item<double>(); }

void FlatParameters::step(const AdamW& s, int64_t step, double factor, double average) {
  const at::NoGradGuard no_gradients;
  gradients.mul_(factor);
  first_moment.lerp_(gradients, 1 - s.beta1);
  second_moment.mul_(s.beta2).addcmul_(gradients, gradients, 1 - s.beta2);
  const double unbias1 = 1 - std::pow(s.beta1, static_cast<double>(step));
  const double unbias2 = 1 - std::pow(s.beta2, static_cast<double>(step));
  values.addcmul_(values, decays_, -s.learning_rate * s.weight_decay);
  const at::Tensor scale = (second_moment / unbias2).sqrt_().add_(s.epsilon);
  values.addcdiv_(first_moment, scale, -s.learning_rate / unbias1);
  // Early on the weights of the start would weigh too much.
  const double early = (1.0 + static_cast<double>(step)) / (10.0 + static_cast<double>(step));
  averaged.lerp_(values, 1 - std::min(average, early));
}

}  // namespace relievo
