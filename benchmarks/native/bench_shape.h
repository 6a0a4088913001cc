// The compact model's shapes beside the inflation's, on objects that nothing was trained on.
#pragma once

#include <nlohmann/json.hpp>

#include "benchmarks/native/bench.h"

namespace relievo {

/// Reads where the objects and the model are from the environment: RELIEVO_SHAPE_OBJECTS (a folder of .npz
/// files), RELIEVO_SHAPE_FURNITURE (catalogues) and RELIEVO_SHAPE_MODEL (an exported model). Without a model
/// the inflation is measured alone. Each side's figures are those of train/learn/evaluate.h.
nlohmann::json bench_shape(const BenchOptions& options);
/// Takes {"quick", "threads"} and returns the report.
nlohmann::json bench_shape_own_side(const nlohmann::json& arguments);

}  // namespace relievo
