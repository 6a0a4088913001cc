// bench surface: from a triplane to a coloured surface, beside the dense way in PyTorch.
#include "verify/bench_surface.h"

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/parallel.h"
#include "base/resident_memory.h"
#include "nn/tensors.h"
#include "reconstruct/triplane_field.h"
#include "surface/flexicubes.h"
#include "surface/grid.h"
#include "surface/surface.h"
#include "weights/tensor_file.h"

namespace relievo {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// An ellipsoid, or (crossing more cubes) a shell round one.
at::Tensor shape_distance(const at::Tensor& points, bool is_shell) {
  const at::Tensor axes =
      is_shell ? at::tensor({0.92, 0.86, 0.8}, at::kFloat) : at::tensor({0.85, 0.77, 0.7}, at::kFloat);
  const at::Tensor distance = ((points / axes).square().sum(-1).sqrt() - 1) * 0.8;
  return is_shell ? distance.abs() - 0.08 : distance;
}

class BenchGrid : public GridField {
 public:
  BenchGrid(std::unique_ptr<GridField> heads, at::Tensor line, bool is_shell)
      : heads_(std::move(heads)), line_(std::move(line)), is_shell_(is_shell) {}
  at::Tensor values(int64_t first, int64_t last) const override {
    return shape_distance(line_positions(line_, at::arange(first, last)), is_shell_) +
           heads_->values(first, last) * 0.05;
  }
  at::Tensor deformation(const at::Tensor& vertices) const override { return heads_->deformation(vertices); }
  at::Tensor cube_weights(const at::Tensor& corners) const override { return heads_->cube_weights(corners); }
  bool cubes_are_narrow() const override { return heads_->cubes_are_narrow(); }

 private:
  std::unique_ptr<GridField> heads_;
  at::Tensor line_;
  bool is_shell_;
};

class BenchField : public TriplaneMeshField {
 public:
  BenchField(at::Tensor planes, std::shared_ptr<const MeshHeads> heads, bool is_shell)
      : TriplaneMeshField(std::move(planes), std::move(heads)), is_shell_(is_shell) {}
  at::Tensor values(const at::Tensor& points) const override {
    return shape_distance(points, is_shell_) + TriplaneMeshField::values(points) * 0.05;
  }
  std::unique_ptr<GridField> on_grid(const at::Tensor& line) const override {
    return std::make_unique<BenchGrid>(TriplaneMeshField::on_grid(line), line, is_shell_);
  }

 private:
  bool is_shell_;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void write_inputs(const fs::path& path, int64_t channels) {
  at::manual_seed(1);
  std::map<std::string, at::Tensor> tensors{{"planes", at::randn({3, channels, 64, 64})}};
  const MeshHeads heads(channels);
  for (const auto& item : heads.named_parameters()) {
    const at::Tensor& p = item.value();
    const double bound = 1 / std::sqrt(p.dim() == 2 ? static_cast<double>(p.size(1)) : 64.0);
    tensors["heads." + item.key()] = (at::rand(p.sizes()) * 2 - 1) * bound;
  }
  std::map<std::string, TensorView, std::less<>> views;
  for (auto& [name, tensor] : tensors) {
    views[name] = {DType::kFloat32,
                   tensor.sizes().vec(),
                   {static_cast<const std::byte*>(tensor.const_data_ptr()), tensor.nbytes()}};
  }
  write_safetensors(path, views);
}

std::vector<float> read_floats(const fs::path& path) {
  std::vector<float> values(fs::file_size(path) / sizeof(float));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(fs::file_size(path)));
  return values;
}

}  // namespace

json bench_surface_own_side(const json& arguments) {
  if (const int threads = arguments.at("threads"); threads > 0) {
    set_parallel_threads(threads);
    at::set_num_threads(threads);
  }
  const at::NoGradGuard no_grad;
  const TensorFile file = read_safetensors(arguments.at("inputs").get<std::string>());
  const at::Tensor planes = tensor_view(file, "planes").clone();
  const auto heads = std::make_shared<MeshHeads>(planes.size(1));
  load_strict(*heads, file, "heads.", {});
  const BenchField field(planes, heads, arguments.at("shell"));
  const SurfaceSettings settings{
      .grid = arguments.at("grid"), .close_at_box = false, .point_by_point = arguments.at("dense")};
  double best = 1e30;
  Surface surface;
  for (int repeat = 0; repeat < arguments.at("repeats").get<int>(); ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    surface = extract_surface(field, settings, {});
    const at::Tensor colours =
        field.colours(at::from_blob(surface.vertices.data(), {std::ssize(surface.vertices), 3}));
    best = std::min(best, seconds_since(start));
  }
  std::ofstream(arguments.at("vertices").get<std::string>(), std::ios::binary)
      .write(reinterpret_cast<const char*>(surface.vertices.data()),
             static_cast<std::streamsize>(surface.vertices.size() * sizeof(Float3)));
  const int64_t peak = peak_resident_bytes();
  // FlexiCubes alone, from dense distances.
  const at::Tensor dense = field.on_grid(grid_line(settings.grid))
                               ->values(0, (settings.grid + 1LL) * (settings.grid + 1) * (settings.grid + 1))
                               .contiguous();
  double cubes_best = 1e30;
  int64_t crossed = 0;
  for (int repeat = 0; repeat < 3; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    const SurfaceCubes cubes = find_surface_cubes(
        settings.grid, {dense.const_data_ptr<float>(), static_cast<size_t>(dense.numel())});
    std::vector<float> distances(cubes.points.size());
    std::vector<Float3> positions(cubes.points.size());
    const at::Tensor weights = at::zeros({cubes.size(), kCubeWeights});
    for (size_t i = 0; i < distances.size(); ++i)
      distances[i] = dense.const_data_ptr<float>()[cubes.points[i]];
    const FlexiCubesInput input{
        distances, positions, {weights.const_data_ptr<float>(), static_cast<size_t>(weights.numel())}};
    const Surface alone = flexicubes(cubes, input, dual_vertices(cubes, input));
    cubes_best = std::min(cubes_best, seconds_since(start));
    crossed = cubes.size();
  }
  return {{"seconds", best},
          {"peak_bytes", peak},
          {"flexicubes_s", cubes_best},
          {"crossed", crossed},
          {"vertices", surface.vertices.size()},
          {"faces", surface.faces.size()}};
}

json bench_surface(const BenchOptions& options) {
  const int grid = options.quick ? 32 : 128;
  const fs::path folder = fs::temp_directory_path() / fmt::format("relievo-bench-{}", ::getpid());
  fs::create_directories(folder);
  write_inputs(folder / "inputs.safetensors", options.quick ? 8 : 80);
  json report{{"name", "surface"},
              {"full_size", !options.quick},
              {"dtype", "float32"},
              {"grid", grid},
              {"threads", options.threads > 0 ? options.threads : parallel_threads()}};
  for (const bool is_shell : {false, true}) {
    json arguments{{"inputs", (folder / "inputs.safetensors").string()},
                   {"shell", is_shell},
                   {"grid", grid},
                   {"threads", options.threads},
                   {"dense", false},
                   {"repeats", 3},
                   {"vertices", (folder / "ours").string()}};
    const json ours = run_own_side("surface", arguments);
    arguments["dense"] = true;
    arguments["repeats"] = 1;
    arguments["vertices"] = (folder / "dense").string();
    const json dense = run_own_side("surface", arguments);
    arguments["vertices"] = (folder / "other").string();
    for (const CubeCase& cube_case : kCubeCases) arguments["loops"].push_back(cube_case.loop_of_edge);
    const json other = run_other_side("surface.py", arguments);
    const std::vector<float> a = read_floats(folder / "ours"), b = read_floats(folder / "other");
    double difference = a.size() == b.size() ? 0 : -1;
    for (size_t i = 0; difference >= 0 && i < a.size(); ++i)
      difference = std::max<double>(difference, std::abs(a[i] - b[i]));
    const double share = ours.at("crossed").get<double>() / (static_cast<double>(grid) * grid * grid);
    json part{{"ours_s", ours.at("seconds")},
              {"other_s", other.at("seconds")},
              {"ratio", other.at("seconds").get<double>() / ours.at("seconds").get<double>()},
              {"ours_peak_bytes", ours.at("peak_bytes")},
              {"other_peak_bytes", other.at("peak_bytes")},
              {"ours_dense_s", dense.at("seconds")},
              {"flexicubes_s", ours.at("flexicubes_s")},
              {"vertices", ours.at("vertices")},
              {"other_vertices", b.size() / 3},
              {"crossed_share", share},
              {"largest_difference", difference},
              {"exact", difference >= 0 && difference < 1e-4}};
    if (is_shell) {
      report["more_crossed"] = part;
    } else {
      report.update(part);
    }
  }
  fs::remove_all(folder);
  return report;
}

}  // namespace relievo
