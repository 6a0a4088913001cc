// `relievo-bench triposr`.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

/// TripoSR at its full size beside the published implementation (benchmarks/triposr.py, which is equal to the
/// golden fixtures): a picture to scene codes, and scene codes to a coloured mesh at the published grid.
nlohmann::json bench_triposr(const BenchOptions& options);
nlohmann::json bench_triposr_own_side(const nlohmann::json& arguments);

}  // namespace relievo
