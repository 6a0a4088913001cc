// The bench `surface`.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

nlohmann::json bench_surface(const BenchOptions& options);
nlohmann::json bench_surface_own_side(const nlohmann::json& arguments);

}  // namespace relievo
