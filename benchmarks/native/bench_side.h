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

/// Makes what is to be timed, on the device and in the precision of `options`; `weights` is set to the bytes
/// of its weights.
using PrepareSide = std::function<std::function<at::Tensor()>(
    const at::Tensor& block, const at::TensorOptions& options, int64_t& weights)>;

/// Opens torch's library for a device, `cpu` or `cuda:0`. Must be called before anything is computed. Throws
/// Error{kInvalidSettings} where it cannot be used.
at::Device open_device(const std::string& device);

/// The highest use of a device's memory since `begin`, in bytes: what tensors took, and what was taken of the
/// device. On the CPU both are the growth of the process's resident size.
struct PeakMemory {
  explicit PeakMemory(at::Device device);
  nlohmann::json report() const;  ///< peak_allocated_bytes, peak_reserved_bytes

 private:
  at::Device device_;
  int64_t resident_before_;
};

/// Our side, in a process of its own: seconds of a run until the device has done it, memory, a sample of the
/// result.
nlohmann::json measure_side(const nlohmann::json& arguments, const PrepareSide& prepare);

/// Both sides in turn, twice; the better time of either. `allowed`: the difference of the results, in parts
/// of their deviation.
nlohmann::json measure_pair(const std::string& name, const nlohmann::json& arguments, double allowed,
                            const char* environment = kBenchEnvironment);

/// Runs in the first precision, with the others beside it.
nlohmann::json report_of_pair(const std::string& name, const BenchOptions& options, nlohmann::json arguments,
                              const char* environment = kBenchEnvironment);

}  // namespace relievo
