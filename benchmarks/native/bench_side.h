// The parts that the benches with a network on either side share: numbers for weights that both sides make
// alike (benchmarks/baseline.py), so that their results can be compared too, the clock and the memory.
#pragma once

#include <functional>
#include <string>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "benchmarks/native/bench.h"

namespace relievo {

/// baseline.py, values(): numbers in -0.5..0.5, from the place in the block that the name decides.
at::Tensor numbers_of(const std::string& name, at::IntArrayRef shape, const at::Tensor& block);

/// baseline.py, fill(): gives every parameter its numbers. Returns the bytes of the weights.
int64_t fill_with_numbers(torch::nn::Module& network, const at::Tensor& block, at::ScalarType dtype);

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
