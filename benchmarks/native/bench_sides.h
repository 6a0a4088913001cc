// The shapes of the model `preview` from one, two and three pictures, on objects whose true shape is known.
#pragma once

#include <nlohmann/json.hpp>

#include "benchmarks/native/bench.h"

namespace relievo {

/// Reads where the objects are from the environment: RELIEVO_SHAPE_OBJECTS (a folder of .npz files). One
/// object of each family is seen from the front, the right and the back, from far away and by a lens of 50
/// mm; the report has for both the mean F-score at 0.05 and IoU (train/data/shape_score.h) of one, two and
/// three pictures, the gain over one, the share of objects that are not worse, and the IoU of the given
/// outlines with the made shape's from the same camera. Nothing was trained on them.
nlohmann::json bench_sides(const BenchOptions& options);
/// Takes {"quick", "threads"} and returns the report.
nlohmann::json bench_sides_own_side(const nlohmann::json& arguments);

}  // namespace relievo
