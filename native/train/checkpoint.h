// Gradient checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost", arXiv
// 1604.06174): a block's inner activations are not kept for the backward pass but computed again there.
#pragma once

#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace relievo {

using CheckpointedBlock = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;

/// Returns what `block(inputs)` returns, with the same gradients for `inputs` and for every parameter that
/// `block` uses, keeping only `inputs` between forward and backward. The second computation sees the random
/// state and the autocast settings of the first one, on the CPU and on the inputs' device. `block` must
/// compute the same again: it must not change state of its own, and must live as long as the graph. Gradients
/// of gradients are not supported. Without gradient mode it just calls `block`.
///
/// At least one input must require a gradient for the block's parameters to get theirs; where none does (the
/// first block of a network on plain data), the block runs without checkpointing.
std::vector<at::Tensor> checkpoint(CheckpointedBlock block, const std::vector<at::Tensor>& inputs);

/// The same for blocks of one output.
at::Tensor checkpoint(std::function<at::Tensor(const std::vector<at::Tensor>&)> block,
                      const std::vector<at::Tensor>& inputs);

}  // namespace relievo
