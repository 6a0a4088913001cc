// A network's weights, gradients and the optimiser's state, each in one piece of memory: a step is a handful
// of operations, and a checkpoint a handful of tensors.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

namespace relievo {

struct AdamW {
  double learning_rate = 1e-3;
  double beta1 = 0.9, beta2 = 0.98;
  double weight_decay = 0.03;
  double epsilon = 1e-8;
};

class FlatParameters {
 public:
  /// Moves the parameters, which become views of one float32 tensor on `device`; they require gradients from
  /// here on.
  FlatParameters(std::vector<at::Tensor> parameters, at::Device device);

  void clear_gradients();
  double gradient_norm() const;

  /// One step of AdamW (Loshchilov and Hutter 2019), of which `step` counts from 1, with the gradient times
  /// `factor`. Biases, norms and other vectors do not decay. The average moves towards the weights by
  /// 1 - `average`, and by more in the first steps.
  void step(const AdamW& settings, int64_t step, double factor, double average);

  at::Tensor values, gradients, first_moment, second_moment, averaged;  ///< [count]

  const std::vector<at::Tensor>& parameters() const { return parameters_; }

 private:
  std::vector<at::Tensor> parameters_;
  at::Tensor decays_;  // [count] 1 where a weight decays
};

}  // namespace relievo
