// Makes tensors of plain memory.
#pragma once

#include <ATen/ATen.h>

namespace relievo {

/// `count` values of plain memory as a tensor on the device; on the CPU it is the memory itself.
template <typename Value>
at::Tensor on_device(const Value* values, int64_t count, at::ScalarType type, at::Device device) {
  if (count == 0) return at::empty({0}, at::TensorOptions().dtype(type).device(device));
  return at::from_blob(const_cast<Value*>(values), {count}, at::TensorOptions().dtype(type)).to(device);
}

}  // namespace relievo
