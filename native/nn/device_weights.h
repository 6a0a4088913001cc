// A network's weights as a GPU wants them: one block of memory, in the type and layout that the network
// computes with, so that they come in by one copy, and layers that lie one behind the other can be used as
// one (transformer_block.h).
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/execution.h"

namespace relievo {

/// A parameter, and its values as the file has them.
struct StoredWeight {
  at::Tensor parameter;
  at::Tensor stored;
};

/// Gives every parameter its values on the execution's device, a GPU. Numbers become those of the execution's
/// type, and convolutions' weights get their channels last. Where the execution says that they wait, the
/// block is kept in pinned host memory under `name` and is copied from there the next time.
void place_on_gpu(const std::vector<StoredWeight>& weights, const std::string& name,
                  const Execution& execution);

/// Blocks that wait in host memory while their networks are not on the GPU. Any thread may use it.
class WaitingWeights {
 public:
  /// The block, or an undefined tensor.
  at::Tensor find(const std::string& name) const;
  void keep(const std::string& name, at::Tensor block);
  void clear();

 private:
  mutable std::mutex mutex_;
  std::map<std::string, at::Tensor> blocks_;
};

}  // namespace relievo
