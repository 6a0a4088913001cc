#include "app/program.h"

#include <string>
#include <vector>

#include "app/commands.h"
#include "base/error.h"
#include "base/standard_output.h"

namespace relievo {
namespace {

// These words of version 0.1.0 are understood for one release more.

Command add_moved_bench(CLI::App& parser) {
  parser.allow_extras();
  return []() -> int {
    throw Error(ErrorCode::kInvalidSettings, "'relievo bench' is a program of its own now: 'relievo-bench'.",
                "Run build/relievo-bench NAME with the same options; `make build` builds it.");
  };
}

Command add_calibrate(CLI::App& parser) {
  return [profile = add_profile(parser)] {
    print_message("relievo: 'relievo calibrate' is called 'relievo profile' now.\n");
    return profile();
  };
}

}  // namespace

int run_program(int argc, const char* const* argv, const Web& web) {
  const std::vector<CommandWord> words{
      {"generate", "Make a textured mesh of each picture.", add_generate},
      {"batch", "Make a textured mesh of each picture of a folder or manifest; goes on where it was stopped.",
       add_batch},
      {"check", "Judge meshes: how sound they are, and whether they meet what is required.", add_check},
      {"finish",
       "Make textured meshes ready for engines and printers: fewer faces, levels of detail, symmetry.",
       add_finish},
      {"bake", "Bake what one textured mesh shows onto another one.", add_bake},
      {"golden", "Compare results with those of the published implementation.", add_golden},
      {"models", "List, fetch, check, import and remove models.",
       [&web](CLI::App& parser) { return add_models(parser, web); }},
      {"devices", "Show what can compute here.", add_devices},
      {"gpu-check", "Compare what each device computes with what the CPU computes.", add_gpu_check},
      {"profile", "Measure what the stages cost here, for plans and batches that fit.", add_profile},
      {"plan", "Plan and simulate a run, on this machine or on one that is not there.", add_plan},
      {"bench", "", add_moved_bench},
      {"calibrate", "", add_calibrate},
  };
  return run_commands(argc, argv, words);
}

}  // namespace relievo
