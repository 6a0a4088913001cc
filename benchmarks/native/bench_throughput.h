// `relievo-bench throughput`: pictures a minute with the processor's stages beside the device's, and in
// batches.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

nlohmann::json bench_throughput(const BenchOptions& options);
nlohmann::json bench_throughput_own_side(const nlohmann::json& arguments);

}  // namespace relievo
