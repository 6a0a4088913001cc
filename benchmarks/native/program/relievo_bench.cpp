// relievo-bench NAME: a claim measured beside the baseline, in one run on one machine.
#include <cstdio>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/error.h"
#include "benchmarks/native/bench_command.h"
#include "benchmarks/native/bench_large.h"
#include "benchmarks/native/bench_memory.h"
#include "benchmarks/native/bench_pipeline.h"
#include "benchmarks/native/bench_preview.h"
#include "benchmarks/native/bench_runtime.h"
#include "benchmarks/native/bench_shape.h"
#include "benchmarks/native/bench_sides.h"
#include "benchmarks/native/bench_single.h"
#include "benchmarks/native/bench_surface.h"
#include "benchmarks/native/bench_texture.h"
#include "benchmarks/native/bench_triposr.h"

namespace relievo {
namespace {

Benches all_benches() {
  Benches benches{
      {"balance",
       {"A worker three times as fast as the other: how busy both are", bench_balance,
        bench_balance_own_side}},
      {"budget",
       {"The full-size pipeline in one worker of 6 GiB, by offload in one of 3 GiB, and with streamed "
        "weights "
        "in one of 1 GiB",
        bench_budget, bench_engine_own_side}},
      {"guidance",
       {"One picture's diffusion on two workers, a half of guidance each, beside one", bench_guidance,
        bench_engine_own_side}},
      {"prediction",
       {"Seconds and peaks of a run on two workers as simulated from a profile of other sizes, beside the "
        "run",
        bench_prediction, bench_prediction_own_side}},
      {"preview",
       {"Photographs to objects by the model preview, beside another build's program (--baseline)",
        bench_preview, bench_preview_own_side}},
      {"scaling",
       {"Pictures on two workers of one thread, beside one, and beside two processes", bench_scaling,
        bench_engine_own_side}},
      {"single",
       {"One picture, from its file to the textured mesh, on two and on four devices beside one",
        bench_single, bench_engine_own_side}},
      {"split",
       {"The full-size pipeline cut over two workers of 1.5 GiB", bench_split, bench_engine_own_side}},
      {"checkpoint",
       {"Gradients of 12 large transformer blocks, with checkpointing and without", bench_checkpoint,
        bench_checkpoint_own_side}},
      {"fragmentation",
       {"A recorded run through a model of the caching allocator, with its settings and without",
        bench_fragmentation, bench_fragmentation_own_side}},
      {"atlas",
       {"Unwrapping a connected surface of 200,000 faces, beside xatlas alone", bench_atlas,
        bench_atlas_own_side}},
      {"bake",
       {"A texture of 2048 from a triplane, beside NumPy and PyTorch", bench_bake, bench_bake_own_side}},
      {"large",
       {"From a triplane over a grid of 256 to a GLB with textures of 8192, in 6 GiB", bench_large,
        bench_large_own_side}},
      {"shape",
       {"Shapes of held-out objects by the compact model and by inflation (RELIEVO_SHAPE_OBJECTS, "
        "RELIEVO_SHAPE_FURNITURE, RELIEVO_SHAPE_MODEL)",
        bench_shape, bench_shape_own_side}},
      {"sides",
       {"Shapes by the model preview from one, two and three pictures (RELIEVO_SHAPE_OBJECTS)", bench_sides,
        bench_sides_own_side}},
      {"surface",
       {"From a triplane to a coloured surface, beside the dense way in PyTorch", bench_surface,
        bench_surface_own_side}},
      {"triposr",
       {"TripoSR from a picture to scene codes, and from these to a coloured mesh, beside it as published",
        bench_triposr, bench_triposr_own_side}},
  };
  benches.merge(network_benches());
  return benches;
}

int report(const Error& error) {
  fmt::print(stderr, "relievo-bench: {}\n", error.message());
  if (!error.hint().empty()) fmt::print(stderr, "  {}\n", error.hint());
  return exit_status(error.code());
}

int main_of(int argc, char** argv) {
  CLI::App parser("A claim about Relievo measured beside the baseline, in one run.", "relievo-bench");
  const Benches benches = all_benches();
  const auto run = add_bench(parser, benches);
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return parser.exit(error);  // --help
    throw Error(ErrorCode::kInvalidSettings, error.what(), "See relievo-bench --help.");
  }
  return run();
}

}  // namespace
}  // namespace relievo

int main(int argc, char** argv) {
  try {
    return relievo::main_of(argc, argv);
  } catch (...) {
    return relievo::report(relievo::current_error());
  }
}
