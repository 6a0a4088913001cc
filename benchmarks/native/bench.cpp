#include "benchmarks/native/bench.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "benchmarks/native/bench_large.h"
#include "benchmarks/native/bench_memory.h"
#include "benchmarks/native/bench_networks.h"
#include "benchmarks/native/bench_pipeline.h"
#include "benchmarks/native/bench_preview.h"
#include "benchmarks/native/bench_runtime.h"
#include "benchmarks/native/bench_shape.h"
#include "benchmarks/native/bench_surface.h"
#include "benchmarks/native/bench_texture.h"
#include "benchmarks/native/bench_throughput.h"
#include "benchmarks/native/bench_triposr.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kBenchmarks = fs::path(RELIEVO_SOURCE_DIR) / "benchmarks";

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Runs a command and parses the last line that it prints; its standard error is ours.
json last_line_of(const std::string& command) {
  const auto close = [](FILE* pipe) { return pclose(pipe); };
  std::unique_ptr<FILE, decltype(close)> pipe(popen(command.c_str(), "r"), close);
  if (!pipe) throw Error(ErrorCode::kInternal, fmt::format("'{}' cannot be started.", command));
  std::string output;
  std::array<char, 4096> buffer{};
  while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    output.append(buffer.data(), count);
  }
  const int status = pclose(pipe.release());
  while (!output.empty() && output.back() == '\n') output.pop_back();
  json result;
  try {
    result = parse_json(std::string_view(output).substr(output.rfind('\n') + 1));
  } catch (const JsonError&) {  // told below
  }
  if (status != 0 || !result.is_object()) {
    throw Error(ErrorCode::kInternal, fmt::format("'{}' failed (status {}).", command, status),
                "What it printed stands above.");
  }
  return result;
}

}  // namespace

const std::map<std::string, Bench, std::less<>>& benches() {
  static const std::map<std::string, Bench, std::less<>> table{
      {"balance",
       {"A worker three times as fast as the other: how busy both are", bench_balance,
        bench_balance_own_side}},
      {"budget",
       {"The full-size pipeline in one worker of 6 GiB, and by offload in one of 3 GiB", bench_budget,
        bench_engine_own_side}},
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
      {"surface",
       {"From a triplane to a coloured surface, beside the dense way in PyTorch", bench_surface,
        bench_surface_own_side}},
      {"step",
       {"A guidance step of the multi-view diffusion, beside diffusers", bench_step, bench_step_own_side,
        true}},
      {"pipeline",
       {"A picture by the whole pipeline; its networks beside diffusers and PyTorch", bench_pipeline,
        bench_pipeline_own_side, true}},
      {"throughput",
       {"Pictures a minute: one after the other, with the processor's stages beside, and in batches",
        bench_throughput, bench_throughput_own_side, true}},
      {"planes", {"Six views to triplanes, beside PyTorch", bench_planes, bench_planes_own_side, true}},
      {"triposr",
       {"TripoSR from a picture to scene codes, and from these to a coloured mesh, beside it as published",
        bench_triposr, bench_triposr_own_side}},
      {"vae", {"Latents to a picture, beside diffusers", bench_vae, bench_vae_own_side, true}},
  };
  return table;
}

json run_own_side(const std::string& name, const json& arguments) {
  const std::string program = fs::read_symlink("/proc/self/exe").string();
  json result = last_line_of(
      fmt::format("{} {} --own-side {}", quoted(program), quoted(name), quoted(arguments.dump())));
  // A bench can take an hour, and be stopped.
  fmt::print(stderr, "{}\n", json{{"side", arguments}, {"result", result}}.dump());
  return result;
}

json run_baseline(const std::string& script, const json& arguments, const std::string& environment) {
  const fs::path python = fs::path(RELIEVO_SOURCE_DIR) / environment / "bin" / "python";
  if (!fs::exists(python)) {
    throw Error(ErrorCode::kModelMissing,
                fmt::format("The baseline's Python packages are not in '{}'.", environment),
                fmt::format("Run `benchmarks/setup{}` first; it takes about 5 GB of disk.",
                            environment == kTripoSrEnvironment ? " triposr" : ""));
  }
  return last_line_of(fmt::format("{} {} {}", quoted(python.string()),
                                  quoted((kBenchmarks / script).string()), quoted(arguments.dump())));
}

}  // namespace relievo
