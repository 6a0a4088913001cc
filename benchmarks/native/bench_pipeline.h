// `relievo-bench pipeline`: a picture by all stages with random weights, on a device or on the CPU.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

nlohmann::json bench_pipeline(const BenchOptions& options);
nlohmann::json bench_pipeline_own_side(const nlohmann::json& arguments);

/// The benches of networks, with their names, which are those that run on devices.
Benches network_benches();

}  // namespace relievo
