// Between weight files and tensors, and from a file into a module.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "nn/execution.h"
#include "weights/tensor_file.h"

namespace relievo {

/// A tensor over the file's own bytes: no copy, read-only by contract, alive as long as `file.storage` (which
/// the tensor holds).
at::Tensor tensor_view(const TensorFile& file, std::string_view name);

/// A tensor of the right shape that takes no memory: what a module's parameters are until load_strict fills
/// them.
at::Tensor placeholder(at::IntArrayRef shape);

/// Fills every parameter and buffer of `module` from the tensors of `file` whose names begin with `prefix`
/// (the rest of the name is the parameter's), cast to the execution's device and dtype. Float32 on the CPU
/// stays memory-mapped. Returns the names outside the prefix, which were skipped. Throws
/// Error{kModelMismatch} that names every missing, unexpected or mis-shaped tensor.
std::vector<std::string> load_strict(torch::nn::Module& module, const TensorFile& file,
                                     const std::string& prefix, const Execution& execution);

}  // namespace relievo
