// flexicubes: extraction from stored distances, deformations and weights.
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "surface/flexicubes.h"
#include "surface/grid.h"
#include "surface/surface_cubes.h"
#include "verify/checks.h"

namespace relievo {
namespace {

constexpr Tolerance kTolerance{.absolute = 1e-5};

/// `[items, width]` of its own.
template <typename Item, typename Number>
at::Tensor tensor_of(const std::vector<Item>& items, int64_t width, Number) {
  return at::tensor(at::ArrayRef<Number>(reinterpret_cast<const Number*>(items.data()), items.size() * width))
      .view({std::ssize(items), width});
}

/// The arguments of flexicubes(), gathered from dense tensors.
struct Extraction {
  /// distances [(grid + 1)^3], deformation [(grid + 1)^3, 3] and weights [grid^3, 21], or undefined.
  Extraction(int grid, const at::Tensor& dense_distances, const at::Tensor& deformation,
             const at::Tensor& dense_weights, const at::Device& device = at::kCPU)
      : cubes(find_surface_cubes(grid, dense_distances.to(device))) {
    const at::Tensor points = cubes.points.to(at::kCPU, at::kLong);
    input = {.distances = dense_distances.index_select(0, points).to(device),
             .positions = grid_positions(grid, points)};
    if (deformation.defined()) input.positions += deformation.index_select(0, points);
    input.positions = input.positions.to(device);
    if (dense_weights.defined()) {
      input.weights = dense_weights.index_select(0, cubes.cubes.to(at::kCPU)).to(device);
    }
    vertices = dual_vertices(cubes, input);
  }

  SurfaceCubes cubes;
  FlexiCubesInput input;
  DualVertices vertices;
};

void compare_surface(Fixture& fixture, const Extraction& extraction, Triangulation triangulation,
                     const std::string& vertices_name, const std::string& faces_name) {
  const Surface surface = flexicubes(extraction.cubes, extraction.input, extraction.vertices, triangulation);
  fixture.compare(vertices_name, tensor_of(surface.vertices, 3, float{}), kTolerance);
  fixture.compare(faces_name, tensor_of(surface.faces, 3, int32_t{}), {});
}

/// All tensors that a case has under `prefix`.
void compare_extraction(Fixture& fixture, const Extraction& extraction, Triangulation triangulation,
                        const std::string& prefix) {
  compare_surface(fixture, extraction, triangulation, prefix + "verts", prefix + "faces");
  fixture.compare(prefix + "L_dev", edge_deviations(extraction.cubes, extraction.input, extraction.vertices),
                  kTolerance);
  // A case without a surface has neither.
  if (fixture.has(prefix + "surf_cubes"))
    fixture.compare(prefix + "surf_cubes", extraction.cubes.cubes.to(at::kLong), {});
  if (fixture.has(prefix + "case_ids"))
    fixture.compare(prefix + "case_ids", extraction.cubes.cases.to(at::kLong), {});
}

int grid_of(const at::Tensor& distances) {
  return static_cast<int>(std::lround(std::cbrt(static_cast<double>(distances.numel())))) - 1;
}

/// "rand@16/weight" of `[grid^3, 21]`, or its rows that are not zero: `weight_rows`, `weight_values`.
at::Tensor random_weights(Fixture& fixture, int grid) {
  const std::string prefix = "rand@" + std::to_string(grid) + "/";
  if (fixture.has(prefix + "weight")) return fixture.read(prefix + "weight");
  const at::Tensor values = fixture.read(prefix + "weight_values");
  const at::Tensor weights = at::zeros({int64_t{grid} * grid * grid, values.size(-1)});
  return weights.index_copy(0, fixture.read(prefix + "weight_rows").to(at::kLong), values);
}

/// The inputs of a case `<field>@<grid>` besides its distances, as its name and its facts in
/// config.json say.
struct CaseInputs {
  CaseInputs(Fixture& fixture, const std::string& name, int grid) {
    const auto contains = [&](const char* part) { return name.find(part) != std::string::npos; };
    const nlohmann::json facts =
        fixture.config().value("cases", nlohmann::json::object()).value(name, nlohmann::json::object());
    if (fixture.has(name + "/weight")) {
      weights = fixture.read(name + "/weight");
    } else if (contains("_zero_weights@")) {
      weights = at::zeros({int64_t{grid} * grid * grid, kCubeWeights});
    } else if (facts.value("weights", contains("_rand@") ? "given" : "none") == "given") {
      weights = random_weights(fixture, grid);
    }
    if (facts.value("deformed", contains("_rand@"))) {
      deformation = fixture.read("rand@" + std::to_string(grid) + "/deformation");
    }
  }

  at::Tensor weights, deformation;  // undefined where there are none
};

void check_grid(Fixture& fixture, const std::string& name) {
  const int grid = std::stoi(name.substr(name.find('@') + 1));
  fixture.compare(name + "/verts", grid_vertices(grid), kTolerance);
  if (fixture.has(name + "/cubes")) fixture.compare(name + "/cubes", grid_cubes(grid), {});
}

void check_extraction(Fixture& fixture, const std::string& name) {
  const at::Tensor distances = fixture.read(name + "/sdf");
  const int grid = grid_of(distances);
  const CaseInputs inputs(fixture, name, grid);
  const Extraction extraction(grid, distances, inputs.deformation, inputs.weights,
                              fixture.execution().device);
  compare_extraction(fixture, extraction, Triangulation::kTwo, name + "/");
  if (!fixture.tensors(name + "/train/").empty()) {
    compare_extraction(fixture, extraction, Triangulation::kFour, name + "/train/");
  }
}

/// The published repair of a batch of distances [B, (grid + 1)^3], which the product does without. An item
/// whose interior has one sign gets one vertex and two outermost layers of opposite signs, beyond all values
/// of the batch.
at::Tensor repair_empty_shapes(const at::Tensor& distances, int grid) {
  const int64_t side = grid + 1;
  at::Tensor repaired = distances.clone();
  for (int64_t b = 0; b < distances.size(0); ++b) {
    at::Tensor interior = distances[b].view({side, side, side});
    for (int64_t axis = 0; axis < 3; ++axis) interior = interior.slice(axis, 1, grid);
    if ((interior > 0).any().item<bool>() && (interior < 0).any().item<bool>()) continue;
    repaired[b].index_fill_(0, grid_centre(grid), 1 - distances.min());
    repaired[b].index_fill_(0, grid_border(grid), -1 - distances.max());
  }
  return repaired;
}

/// Cases `empty_fix/<kind>/`: repaired batches, and meshes of items 0 (weights 0.25 random) and 1 (the
/// opposite).
void check_repair(Fixture& fixture, const std::string& prefix) {
  const at::Tensor before = fixture.read(prefix + "sdf_in").squeeze(-1);
  const int grid = grid_of(before[0]);
  const at::Tensor distances = repair_empty_shapes(before, grid);
  fixture.compare(prefix + "sdf_out", distances.unsqueeze(-1), kTolerance);
  const at::Tensor deformation = fixture.read(prefix + "deformation_raw").tanh() / (4 * grid);
  fixture.compare(prefix + "deformation", deformation, kTolerance);
  for (int64_t b = 0; b < before.size(0); ++b) {
    const std::string vertices_name = fmt::format("{}verts{}", prefix, b);
    if (!fixture.has(vertices_name)) continue;
    const at::Tensor weights = random_weights(fixture, grid) * (b % 2 == 0 ? 0.25 : -0.25);
    const Extraction extraction(grid, distances[b], deformation[b], weights);
    compare_surface(fixture, extraction, Triangulation::kTwo, vertices_name,
                    fmt::format("{}faces{}", prefix, b));
  }
}

void check_repairs(Fixture& fixture) {
  const std::string suffix = "sdf_in";
  for (const std::string& name : fixture.tensors("empty_fix/")) {
    if (name.ends_with("/" + suffix)) check_repair(fixture, name.substr(0, name.size() - suffix.size()));
  }
}

}  // namespace

void check_flexicubes(Fixture& fixture) {
  fixture.for_each_case([&](const std::string& name) {
    if (name.starts_with("rand@")) return;  // read by the cases that use it
    if (name.starts_with("grid@")) return check_grid(fixture, name);
    if (name == "empty_fix") return check_repairs(fixture);
    check_extraction(fixture, name);
  });
}

}  // namespace relievo
