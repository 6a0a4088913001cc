// Lets a training run a network's blocks in a way that saves memory: gradient checkpointing
// (train/checkpoint.h).
#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace relievo {

/// A block of a network; it lives as long as the graph of its results.
using BlockBody = std::function<at::Tensor(const std::vector<at::Tensor>& inputs)>;

/// Runs a block on its inputs. An empty one is never called: the block is, then.
using BlockRunner = std::function<at::Tensor(const BlockBody& body, const std::vector<at::Tensor>& inputs)>;

}  // namespace relievo
