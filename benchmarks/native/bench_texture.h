// relievo-bench atlas, relievo-bench bake.
#pragma once

#include <array>
#include <vector>

#include "base/mesh.h"
#include "benchmarks/native/bench.h"

namespace relievo {

/// Returns whether an atlas (one triple of UV a face) can be used as it is: every corner in the square, no
/// face turned over, and no texel of 2048 x 2048 whose centre lies in two faces.
bool is_sound(const std::vector<std::array<Float2, 3>>& corner_uv);

/// Unwraps one connected surface of 200,000 faces; the baseline is xatlas from PyPI, called as it is.
nlohmann::json bench_atlas(const BenchOptions& options);
nlohmann::json bench_atlas_own_side(const nlohmann::json& arguments);

/// Bakes a texture of 2048 from a triplane of 80 channels over that surface's atlas; the baseline does the
/// same in PyTorch: rasterised face by face in NumPy, the field asked at each covered texel.
nlohmann::json bench_bake(const BenchOptions& options);
nlohmann::json bench_bake_own_side(const nlohmann::json& arguments);

}  // namespace relievo
