// The benches `checkpoint` and `fragmentation`.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

nlohmann::json bench_checkpoint(const BenchOptions& options);
nlohmann::json bench_checkpoint_own_side(const nlohmann::json& arguments);

nlohmann::json bench_fragmentation(const BenchOptions& options);
nlohmann::json bench_fragmentation_own_side(const nlohmann::json& arguments);

}  // namespace relievo
