// Turns weight files into tensors and fills modules with them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
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

/// Device and precision of a loaded network. Throws Error{kInvalidSettings} for float16 on a CPU, which would
/// be too slow to use.
at::TensorOptions options_of(const torch::nn::Module& network);

/// Names that older files of the same model carry.
struct PublishedNames {
  /// Parts of dotted names, old and new: {"query", "to_q"} turns `a.query.weight` into `a.to_q.weight`. Both
  /// may contain dots.
  std::vector<std::pair<std::string, std::string>> renamed = {};
  /// Names without the prefix that may be in the file and are not needed; they are listed with the skipped
  /// ones.
  std::vector<std::string> ignored = {};

  std::string present_name(std::string name) const;
};

/// Fills every parameter and buffer of `module` from the tensors of `file` whose names begin with `prefix`
/// (the rest of the name is the parameter's, or was according to `published`). Float32 on the CPU stays
/// memory-mapped; anything else is cast to the execution's dtype while it is copied, so that memory holds the
/// result only. On a GPU they lie in one block, in the order in which the module registered them
/// (nn/device_weights.h). Streamed weights are only handed over. Returns the names that were skipped: those
/// outside the prefix and the ignored ones.
/// Throws Error{kModelMismatch} that names every missing, unexpected or mis-shaped tensor.
std::vector<std::string> load_strict(torch::nn::Module& module, const TensorFile& file,
                                     const std::string& prefix, const Execution& execution,
                                     const PublishedNames& published = {});

/// As load_strict for a part of `whole`, which need not be loaded: the file may have the whole's other
/// parameters and the `unused` ones (names without the prefix) too, which are listed with the skipped ones.
std::vector<std::string> load_part(torch::nn::Module& part, const torch::nn::Module& whole,
                                   const TensorFile& file, const std::string& prefix,
                                   const Execution& execution, const std::vector<std::string>& unused = {});

}  // namespace relievo
