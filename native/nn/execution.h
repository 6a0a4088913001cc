// Tells a stage where and how to compute. It never asks.
#pragma once

#include <cstdint>
#include <limits>

#include <ATen/core/Tensor.h>

#include "base/control.h"

namespace relievo {

struct Execution {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;
  int64_t byte_budget = std::numeric_limits<int64_t>::max();  ///< bytes for workspace on `device`
  Control control;

  at::TensorOptions options() const { return at::TensorOptions().device(device).dtype(dtype); }
};

}  // namespace relievo
