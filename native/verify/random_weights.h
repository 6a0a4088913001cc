// Weights for networks that are timed or compared where the published ones are not at hand: numbers that look
// random and are the same everywhere, because benchmarks/baseline.py makes them, too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace relievo {

/// `[2^20]` float32 in -0.5..0.5: MurmurHash3's finalizer of 0, 1, 2, ...
at::Tensor number_block();

/// As many numbers of the block as the shape holds, float32, from a place that depends on the name.
at::Tensor numbers_of(const std::string& name, at::IntArrayRef shape, const at::Tensor& block);

/// Gives every parameter its numbers on that device in that precision. Matrices have the variance 1 / inputs,
/// vectors are near 1 (weights) or 0, so that activations stay near 1. Returns the bytes of the weights.
int64_t fill_with_numbers(torch::nn::Module& network, const at::Tensor& block,
                          const at::TensorOptions& options);

/// Writes the same numbers as a safetensors file, under the parameters' names behind `prefix`, in bfloat16 or
/// float32. The network may still hold placeholders. Throws Error{kIo}.
void write_numbers(const std::filesystem::path& path, const torch::nn::Module& network,
                   const std::string& prefix, at::ScalarType dtype, const at::Tensor& block);

}  // namespace relievo
