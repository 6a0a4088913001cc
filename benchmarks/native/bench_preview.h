// relievo-bench preview.
#pragma once

#include "benchmarks/native/bench.h"

namespace relievo {

/// Makes objects of pictures by the model `preview`, with this build's program `relievo` and, in turn with
/// it, with another build's (`options.baseline`; none: this build's alone): processor and wall seconds, and
/// what became of the texture. Throws Error{kInternal} where a program fails.
nlohmann::json bench_preview(const BenchOptions& options);

/// One picture by one program, in a process of its own.
nlohmann::json bench_preview_own_side(const nlohmann::json& arguments);

}  // namespace relievo
