#include "benchmarks/native/bench_large.h"

#include <algorithm>
#include <filesystem>

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/resident_memory.h"
#include "benchmarks/native/bench_field.h"
#include "files/meshes.h"
#include "files/pictures.h"
#include "surface/clean_surface.h"
#include "surface/surface.h"
#include "texture/texture.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr int64_t kLimit = int64_t{6} << 30;

/// Runs a stage and writes down its time and the highest resident size of the process during it.
template <typename Stage>
auto measured(json& stages, const char* name, const Stage& stage) {
  reset_peak_resident_bytes();
  const auto start = Clock::now();
  auto result = stage();
  const double seconds = seconds_since(start);
  stages.push_back({{"name", name}, {"seconds", seconds}, {"peak_bytes", peak_resident_bytes()}});
  return result;
}

}  // namespace

json bench_large_own_side(const json& arguments) {
  if (const int threads = arguments.at("threads"); threads > 0) {
    set_parallel_threads(threads);
    at::set_num_threads(threads);
  }
  const at::NoGradGuard no_grad;
  const fs::path folder = arguments.at("folder").get<std::string>();
  const ShapedMeshField field = read_bench_field(folder / "field.safetensors", RoundShape::kShell);
  // The memory that is left for the stages of a process that may hold the limit.
  Execution execution;
  execution.byte_budget = kLimit / 2;
  json stages = json::array();
  const Surface whole = measured(
      stages, "extract", [&] { return extract_surface(field, {.grid = arguments.at("grid")}, execution); });
  const Surface cleaned = measured(stages, "clean", [&] { return clean_surface(whole, {}, {}); });
  const Surface simplified = measured(
      stages, "simplify", [&] { return simplify_surface(cleaned, arguments.at("target_faces"), {}); });
  TexturedMesh mesh = measured(stages, "texture", [&] {
    return texture_surface(simplified, field, {.detail = &cleaned}, {.size = arguments.at("size")},
                           execution);
  });
  mesh.report = inspect_surface(mesh.surface);
  turn_to_scene(mesh.surface);
  measured(stages, "write", [&] { return write_mesh(folder, "large", "glb", mesh); });
  int64_t peak = 0;
  double seconds = 0;
  for (const json& stage : stages) {
    peak = std::max(peak, stage.at("peak_bytes").get<int64_t>());
    seconds += stage.at("seconds").get<double>();
  }
  return {{"seconds", seconds},
          {"peak_bytes", peak},
          {"stages", stages},
          {"extracted_faces", whole.faces.size()},
          {"faces", mesh.surface.faces.size()},
          {"watertight", mesh.report.watertight},
          {"manifold", mesh.report.manifold},
          {"coverage", mesh.texture_report.coverage},
          {"charts", mesh.texture_report.charts}};
}

json bench_large(const BenchOptions& options) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("relievo-bench-{}", ::getpid());
  fs::create_directories(folder);
  const int64_t channels = options.quick ? 8 : 80;
  write_bench_field(folder / "field.safetensors", channels);
  const json arguments{{"grid", options.quick ? 64 : 256},
                       {"size", options.quick ? 1024 : 8192},
                       {"target_faces", options.quick ? 10000 : 200000},
                       {"threads", options.threads},
                       {"folder", folder.string()}};
  const json ours = run_own_side("large", arguments);
  fs::remove_all(folder);
  json report{{"name", "large"},
              {"ours_s", ours.at("seconds")},
              {"other_s", nullptr},
              {"ratio", nullptr},
              {"exact", ours.at("watertight").get<bool>() && ours.at("manifold").get<bool>()},
              {"ours_peak_bytes", ours.at("peak_bytes")},
              {"other_peak_bytes", nullptr},
              {"vm_hwm_bytes", ours.at("peak_bytes")},
              {"parameters", bench_field_parameters(channels)},
              {"tokens", nullptr},
              {"steps", nullptr},
              {"batch", 1},
              {"dtype", "float32"},
              {"threads", options.threads > 0 ? options.threads : parallel_threads()},
              {"full_size", !options.quick},
              {"grid", arguments.at("grid")},
              {"size", arguments.at("size")},
              {"limit_bytes", kLimit},
              {"inside_limit", ours.at("peak_bytes").get<int64_t>() <= kLimit}};
  for (const char* key :
       {"stages", "extracted_faces", "faces", "watertight", "manifold", "coverage", "charts"})
    report[key] = ours.at(key);
  return report;
}

}  // namespace relievo
