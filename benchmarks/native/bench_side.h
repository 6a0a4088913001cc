// The parts that the benches with a network on either side share: the clock and the memory. Both sides have
// the same weights (verify/random_weights.h), so that their results can be compared, too.
#pragma once

#include <functional>
#include <string>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "benchmarks/native/bench.h"
#include "verify/random_weights.h"

namespace relievo {

/// Makes what is to be timed; `weights` is set to the bytes of its weights.
using PrepareSide = std::function<std::function<at::Tensor()>(const at::Tensor& block, at::ScalarType dtype,
                                                              int64_t& weights)>;

/// Our side, in a process of its own: seconds, memory, a sample of the result.
nlohmann::json measure_side(const nlohmann::json& arguments, const PrepareSide& prepare);

/// Both sides in turn, twice; the better time of either. `allowed`: the difference of the results, in parts
/// of their deviation.
nlohmann::json measure_pair(const std::string& name, const nlohmann::json& arguments, double allowed,
                            const char* environment = kBenchEnvironment);

/// Runs in bfloat16, with float32 beside it.
nlohmann::json report_of_pair(const std::string& name, const BenchOptions& options, nlohmann::json arguments,
                              const char* environment = kBenchEnvironment);

}  // namespace relievo
