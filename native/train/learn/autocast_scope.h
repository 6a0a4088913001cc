// Mixed precision: matrix products and convolutions in half precision, the rest in float32.
#pragma once

#include <ATen/autocast_mode.h>

#include "train/learn/train_config.h"

namespace relievo {

/// Computes in a precision until the end of the scope.
class AutocastScope {
 public:
  AutocastScope(Precision precision, at::DeviceType device)
      : device_(device),
        was_on_(at::autocast::is_autocast_enabled(device)),
        dtype_(at::autocast::get_autocast_dtype(device)) {
    at::autocast::increment_nesting();
    if (precision != Precision::kFloat32) {
      at::autocast::set_autocast_dtype(device, precision == Precision::kFloat16 ? at::kHalf : at::kBFloat16);
    }
    at::autocast::set_autocast_enabled(device, precision != Precision::kFloat32);
  }
  ~AutocastScope() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, was_on_);
    at::autocast::set_autocast_dtype(device_, dtype_);
  }
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  at::DeviceType device_;
  bool was_on_;
  at::ScalarType dtype_;
};

}  // namespace relievo
