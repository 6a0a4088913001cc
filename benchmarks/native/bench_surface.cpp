// bench surface: from a triplane to a coloured surface, beside the dense way in PyTorch.
#include "benchmarks/native/bench_surface.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/resident_memory.h"
#include "benchmarks/native/bench_field.h"
#include "surface/flexicubes.h"
#include "surface/grid.h"
#include "surface/surface.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// The shortest of `repeats` runs after one that does not count.
template <typename Run>
double best_seconds(int repeats, const Run& run) {
  run();
  double best = std::numeric_limits<double>::max();
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = Clock::now();
    run();
    const double seconds = seconds_since(start);
    best = std::min(best, seconds);
  }
  return best;
}

template <typename Item>
void write_items(const json& path, const std::vector<Item>& items) {
  std::ofstream(path.get<std::string>(), std::ios::binary)
      .write(reinterpret_cast<const char*>(items.data()),
             static_cast<std::streamsize>(items.size() * sizeof(Item)));
}

template <typename Number>
std::vector<Number> read_numbers(const fs::path& path) {
  std::vector<Number> values(fs::file_size(path) / sizeof(Number));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(fs::file_size(path)));
  return values;
}

/// Colours, a chunk at a time and not kept.
void colours_in_chunks(const Field& field, const at::Tensor& points) {
  constexpr int64_t kChunk = 1 << 17;
  for (int64_t first = 0; first < points.size(0); first += kChunk)
    field.colours(points.slice(0, first, std::min(points.size(0), first + kChunk)));
}

/// Largest difference between the vertices that two sides wrote; none when they are not as many.
std::optional<double> difference_of(const fs::path& one, const fs::path& other) {
  const std::vector<float> a = read_numbers<float>(one), b = read_numbers<float>(other);
  if (a.size() != b.size()) return {};
  double difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference = std::max<double>(difference, std::abs(a[i] - b[i]));
  return difference;
}

bool same_faces(const fs::path& one, const fs::path& other) {
  return read_numbers<int32_t>(one) == read_numbers<int32_t>(other);
}

/// FlexiCubes alone: from the grid's distances and the crossed cubes' positions and weights.
double flexicubes_seconds(const ShapedMeshField& field, int grid, int repeats) {
  const at::Tensor line = grid_line(grid);
  const auto on_grid = field.on_grid(line, std::numeric_limits<int64_t>::max());
  const int64_t side = grid + 1;
  const at::Tensor distances = on_grid->values(0, side * side * side).contiguous();
  const SurfaceCubes found = find_surface_cubes(grid, distances);
  const at::Tensor points = found.points.to(at::kLong);
  const at::Tensor positions = grid_positions(grid, points) + on_grid->deformation(points);
  const at::Tensor weights =
      on_grid->cube_weights(points.index_select(0, found.corners.flatten()).view_as(found.corners));
  return best_seconds(repeats, [&] {
    const SurfaceCubes cubes = find_surface_cubes(grid, distances);
    const FlexiCubesInput input{distances.index_select(0, cubes.points), positions, weights};
    flexicubes(cubes, input, dual_vertices(cubes, input));
  });
}

/// Both sides on one shape.
json compare(const json& arguments, const fs::path& folder) {
  const auto with_output = [&](const char* name, bool is_dense) {
    json all = arguments;
    all["dense"] = is_dense;
    all["vertices"] = (folder / name).string() + ".vertices";
    all["faces"] = (folder / name).string() + ".faces";
    return all;
  };
  const json ours = run_own_side("surface", with_output("ours", false));
  const json dense = run_own_side("surface", with_output("dense", true));
  json for_other = with_output("other", true);
  for (const kernels::CubeCase& cube_case : kernels::kCubeTable.cases) {
    for_other["loops"].push_back(cube_case.loop_of_edge);
    for_other["twins"].push_back(cube_case.twin);
  }
  const json other = run_baseline("surface.py", for_other);
  const std::optional<double> difference = difference_of(folder / "ours.vertices", folder / "other.vertices"),
                              rounding = difference_of(folder / "ours.vertices", folder / "dense.vertices");
  const bool has_same_faces = same_faces(folder / "ours.faces", folder / "other.faces");
  const double grid = arguments.at("grid");
  const auto ratio = [&](const char* name, const json& side) {
    return other.at(name).get<double>() / side.at(name).get<double>();
  };
  return {{"ours_s", ours.at("seconds")},
          {"other_s", other.at("seconds")},
          {"ratio", ratio("seconds", ours)},
          {"ours_peak_bytes", ours.at("peak_bytes")},
          {"other_peak_bytes", other.at("peak_bytes")},
          {"memory_ratio", ratio("peak_bytes", ours)},
          {"vm_hwm_bytes", ours.at("peak_bytes")},
          {"other_grid_colours_s", other.at("grid_colours_s")},
          {"dense_s", dense.at("seconds")},
          {"dense_ratio", ratio("seconds", dense)},
          {"dense_peak_bytes", dense.at("peak_bytes")},
          {"flexicubes_s", ours.at("flexicubes_s")},
          {"other_flexicubes_s", other.at("flexicubes_s")},
          {"flexicubes_ratio", ratio("flexicubes_s", ours)},
          {"vertices", ours.at("vertices")},
          {"faces", ours.at("faces")},
          {"crossed_share", ours.at("crossed").get<double>() / (grid * grid * grid)},
          {"largest_difference", difference ? json(*difference) : json()},
          {"largest_difference_to_dense", rounding ? json(*rounding) : json()},
          {"same_faces", has_same_faces},
          {"exact", difference && *difference < 1e-4 && rounding && *rounding < 1e-4 && has_same_faces}};
}

}  // namespace

json bench_surface_own_side(const json& arguments) {
  if (const int threads = arguments.at("threads"); threads > 0) {
    set_parallel_threads(threads);
    at::set_num_threads(threads);
  }
  const at::NoGradGuard no_grad;
  const ShapedMeshField field =
      read_bench_field(arguments.at("inputs").get<std::string>(),
                       arguments.at("shell").get<bool>() ? RoundShape::kShell : RoundShape::kEllipsoid);
  const DenseBenchField dense_field(field);
  const bool is_dense = arguments.at("dense");
  const Field& asked = is_dense ? static_cast<const Field&>(dense_field) : field;
  const SurfaceSettings settings{.grid = arguments.at("grid"), .close_at_box = false};
  const int repeats = arguments.at("repeats");
  Surface surface;
  const double seconds = best_seconds(repeats, [&] {
    // Works as the baseline does: every head on every point.
    if (is_dense) colours_in_chunks(field, grid_vertices(settings.grid));
    surface = extract_surface(asked, settings, {});
    colours_in_chunks(field, at::from_blob(surface.vertices.data(), {std::ssize(surface.vertices), 3}));
  });
  json report{{"seconds", seconds},
              {"peak_bytes", peak_resident_bytes()},
              {"vertices", surface.vertices.size()},
              {"faces", surface.faces.size()}};
  write_items(arguments.at("vertices"), surface.vertices);
  write_items(arguments.at("faces"), surface.faces);
  if (!is_dense) {
    report["flexicubes_s"] = flexicubes_seconds(field, settings.grid, repeats);
    const int64_t side = settings.grid + 1;
    const auto on_grid = field.on_grid(grid_line(settings.grid), std::numeric_limits<int64_t>::max());
    report["crossed"] = find_surface_cubes(settings.grid, on_grid->values(0, side * side * side)).size();
  }
  return report;
}

json bench_surface(const BenchOptions& options) {
  const fs::path folder = fs::temp_directory_path() / fmt::format("relievo-bench-{}", ::getpid());
  fs::create_directories(folder);
  const int64_t channels = options.quick ? 8 : 80;
  write_bench_field(folder / "inputs.safetensors", channels);
  json arguments{{"inputs", (folder / "inputs.safetensors").string()},
                 {"grid", options.quick ? 32 : 128},
                 {"threads", options.threads},
                 {"repeats", 2}};
  json report{{"name", "surface"},
              {"full_size", !options.quick},
              {"dtype", "float32"},
              {"batch", 1},
              {"tokens", nullptr},
              {"steps", nullptr},
              {"parameters", bench_field_parameters(channels)},
              {"grid", arguments.at("grid")},
              {"threads", options.threads > 0 ? options.threads : parallel_threads()}};
  arguments["shell"] = false;
  report.update(compare(arguments, folder));
  arguments["shell"] = true;
  report["more_crossed"] = compare(arguments, folder);
  fs::remove_all(folder);
  return report;
}

}  // namespace relievo
