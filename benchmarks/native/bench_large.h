// relievo-bench large.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

/// The largest that is promised on a small machine: from a triplane of 80 channels over a grid of 256 to a
/// GLB with albedo and normal map of 8192, in 6 GiB. There is no baseline: the dense way holds 16 GB for
/// one of its eight pieces.
nlohmann::json bench_large(const BenchOptions& options);
nlohmann::json bench_large_own_side(const nlohmann::json& arguments);

}  // namespace relievo
