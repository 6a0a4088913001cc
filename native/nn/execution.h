// Tells a stage where and how to compute. It never asks.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include <ATen/core/Tensor.h>

#include "base/control.h"

namespace relievo {

class StreamedWeights;
class WaitingWeights;

struct Execution {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  int64_t byte_budget = std::numeric_limits<int64_t>::max();  ///< bytes for workspace on `device`
  Control control;
  /// Where weights wait in host memory while their network is not on the device (nn/device_weights.h); null
  /// where they do not.
  std::shared_ptr<WaitingWeights> waiting = {};
  /// Takes the weights instead of the device, to bring them in layer by layer (nn/streamed_weights.h).
  std::shared_ptr<StreamedWeights> streamed = {};

  at::TensorOptions options() const { return at::TensorOptions().device(device).dtype(dtype); }
};

}  // namespace relievo
