// Lets verification look at a network's intermediate results.
#pragma once

#include <functional>
#include <string>

#include <ATen/core/Tensor.h>

namespace relievo {

/// Called with a name ("layer0", "norm", ...) and a tensor that must not be changed. An empty one is never
/// called.
using Observer = std::function<void(const std::string& name, const at::Tensor& value)>;

inline void observe(const Observer& observer, const std::string& name, const at::Tensor& value) {
  if (observer) observer(name, value);
}

}  // namespace relievo
