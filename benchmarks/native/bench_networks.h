// `relievo-bench step|planes|vae`: the networks at their full size.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

/// The networks' sizes as both sides read them: the full one, or a small one to try the bench itself.
nlohmann::json step_size(bool is_small);
nlohmann::json planes_size(bool is_small);
nlohmann::json vae_size(bool is_small);

/// One guidance step at 120 x 80 latents: the reference pass and the main pass, both halves.
nlohmann::json bench_step(const BenchOptions& options);
nlohmann::json bench_step_own_side(const nlohmann::json& arguments);

/// Views to the planes of instant-mesh-large.
nlohmann::json bench_planes(const BenchOptions& options);
nlohmann::json bench_planes_own_side(const nlohmann::json& arguments);

/// Latents to a picture of 640 x 960.
nlohmann::json bench_vae(const BenchOptions& options);
nlohmann::json bench_vae_own_side(const nlohmann::json& arguments);

}  // namespace relievo
