// The benches of the runtime: `scaling`, `guidance`, `balance`, `budget`, `split`, `prediction`.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

nlohmann::json bench_scaling(const BenchOptions& options);
nlohmann::json bench_guidance(const BenchOptions& options);
nlohmann::json bench_balance(const BenchOptions& options);
nlohmann::json bench_budget(const BenchOptions& options);
nlohmann::json bench_split(const BenchOptions& options);
nlohmann::json bench_prediction(const BenchOptions& options);

/// What every report begins with.
nlohmann::json report_of(const std::string& name, const BenchOptions& options);

/// Makes signed distances from now on those of an ellipsoid and a share of the heads': random weights have no
/// surface.
void bench_on_an_ellipsoid();

/// An engine that makes pictures, with the arguments of engine_side().
nlohmann::json bench_engine_own_side(const nlohmann::json& arguments);
/// `count` pictures after one to warm up, with one strategy (`auto`) on `devices` and `threads`; 0: all.
nlohmann::json engine_side(const std::string& devices, int threads, const nlohmann::json& settings,
                           int count);

nlohmann::json bench_balance_own_side(const nlohmann::json& arguments);
nlohmann::json bench_prediction_own_side(const nlohmann::json& arguments);

}  // namespace relievo
