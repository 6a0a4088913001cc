#include "surface/surface.h"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/error.h"
#include "surface/flexicubes.h"
#include "surface/grid.h"
#include "surface/marching_cubes.h"
#include "surface/surface_cubes.h"

namespace relievo {
namespace {

constexpr int kSmallestGrid = 8;
constexpr int kLargestGrid = 1024;

// What a field takes for one point, seen from here: the features of three planes and two layers of a head in
// float32, rounded up. Chunks are small enough for a field on a CPU to be stopped within half a second.
constexpr int64_t kBytesPerPoint = 8 << 10;
constexpr int64_t kSmallestChunk = 1 << 10;
constexpr int64_t kLargestChunk = 1 << 17;

// How much of the work the steps are taken to be.
constexpr double kDistancesDone = 0.8;
constexpr double kCubesDone = 0.85;
constexpr double kDeformationDone = 0.9;
constexpr double kWeightsDone = 0.95;

/// Evaluates `evaluate(first, last)` for ranges of about `chunk` of `count` items, which returns `[last -
/// first, ...]` or an undefined tensor, and gathers the results on the CPU; undefined where the first is.
template <typename Evaluate>
at::Tensor in_chunks(int64_t count, int64_t chunk, const Control& control, const Evaluate& evaluate) {
  at::Tensor results;
  for (int64_t first = 0; first < count; first += chunk) {
    const int64_t last = std::min(count, first + chunk);
    const at::Tensor part = evaluate(first, last);
    if (!part.defined()) return {};
    if (!results.defined()) {
      std::vector<int64_t> shape = part.sizes().vec();
      shape[0] = count;
      results = at::empty(shape, at::kFloat);
    }
    results.slice(0, first, last).copy_(part);
    control.step(static_cast<double>(last) / static_cast<double>(count));
  }
  return results;
}

void check_finite(const at::Tensor& values, const char* what) {
  // The sum is finite only if all terms are, save when it overflows: then look closer.
  if (!values.defined() || values.sum(at::kDouble).isfinite().item<bool>()) return;
  if (values.isfinite().all().item<bool>()) return;
  throw Error(ErrorCode::kInternal, fmt::format("The model's {} are not all finite numbers.", what),
              "Its weights may be damaged: verify the model's files.");
}

[[noreturn]] void throw_empty(const char* why) {
  throw Error(ErrorCode::kEmptySurface, fmt::format("There is no surface to mesh: {}.", why),
              "Try another picture, another mask or another seed.");
}

/// Makes the outermost vertices outside where they are inside. Such a vertex gets the next inner one's
/// distance with the opposite sign, so that the closing face lies halfway between them wherever the shape
/// reaches the box: flat, and half a cube inside the grid, where every crossed edge has its four cubes.
void close_at_border(const at::Tensor& distances, int grid) {  // [grid + 1, grid + 1, grid + 1], in place
  for (int64_t axis = 0; axis < 3; ++axis) {
    for (const bool is_upper : {false, true}) {
      at::Tensor outer = distances.select(axis, is_upper ? grid : 0);
      const at::Tensor inner = distances.select(axis, is_upper ? grid - 1 : 1);
      outer.copy_(at::where(outer < 0, inner.abs(), outer));
    }
  }
}

/// `[(grid + 1)^3]` signed distances on the CPU, as the extractor is to see them.
at::Tensor grid_distances(const GridField& field, const SurfaceSettings& settings, int64_t chunk,
                          const Control& control) {
  const int64_t side = settings.grid + 1;
  at::Tensor distances = in_chunks(side * side * side, chunk, control,
                                   [&](int64_t first, int64_t last) { return field.values(first, last); });
  check_finite(distances, "signed distances");
  const auto [lowest, highest] = distances.aminmax();
  if (lowest.item<float>() >= 0) throw_empty("the shape is empty");
  if (highest.item<float>() < 0) throw_empty("the shape fills the whole box");
  // On the surface counts as outside; off zero, the extractor turns the triangles there the right way too.
  distances.masked_fill_(distances == 0, std::numeric_limits<float>::min());
  if (settings.close_at_box) close_at_border(distances.view({side, side, side}), settings.grid);
  return distances;
}

template <typename Value>
std::span<const Value> span_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {static_cast<const Value*>(tensor.const_data_ptr()), tensor.nbytes() / sizeof(Value)};
}

/// A copy as an int64 tensor.
at::Tensor indices_of(std::span<const int32_t> numbers) {
  return at::from_blob(const_cast<int32_t*>(numbers.data()), {std::ssize(numbers)}, at::kInt).to(at::kLong);
}

void check_request(const SurfaceSettings& settings) {
  if (settings.grid < kSmallestGrid || settings.grid > kLargestGrid) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("A grid of {} cubes a side is out of range.", settings.grid),
                fmt::format("Choose a grid of {} to {}.", kSmallestGrid, kLargestGrid));
  }
}

/// Makes the outermost layer outside where it is inside.
void close_densities(const at::Tensor& values, double threshold) {  // [side, side, side], in place
  const double outside = threshold - std::max(std::abs(threshold), 1.0);
  for (int64_t axis = 0; axis < 3; ++axis) {
    for (const int64_t place : {int64_t{0}, values.size(axis) - 1}) {
      at::Tensor outer = values.select(axis, place);
      outer.masked_fill_(outer > threshold, outside);
    }
  }
}

Surface extract_density(const Field& field, const SurfaceSettings& settings, int64_t chunk,
                        const Control& control) {
  const int64_t side = settings.grid;
  const at::Tensor line = at::linspace(-1, 1, side);
  const auto on_grid = settings.point_by_point ? field.on_grid_dense(line) : field.on_grid(line);
  const at::Tensor values =
      in_chunks(side * side * side, chunk, control.part(0, kWeightsDone),
                [&](int64_t first, int64_t last) { return on_grid->values(first, last); });
  check_finite(values, "densities");
  const double threshold = settings.density_threshold;
  if (values.max().item<double>() <= threshold) throw_empty("the density is below the threshold everywhere");
  if (values.min().item<double>() > threshold) throw_empty("the density is above the threshold everywhere");
  if (settings.close_at_box) close_densities(values.view({side, side, side}), threshold);
  control.cancel.check();
  Surface surface = marching_cubes(settings.grid, span_of<float>(values), settings.density_threshold);
  if (surface.faces.empty()) throw_empty("the shape touches the grid's border only");
  control.step(1);
  return surface;
}

}  // namespace

Surface extract_surface(const Field& field, const SurfaceSettings& settings, const Execution& execution) {
  check_request(settings);
  const at::NoGradGuard no_grad;
  const Control& control = execution.control;
  const int64_t chunk = std::clamp(execution.byte_budget / kBytesPerPoint, kSmallestChunk, kLargestChunk);
  if (field.kind() == FieldKind::kDensity) return extract_density(field, settings, chunk, control);

  const at::Tensor line = grid_line(settings.grid);
  const auto on_grid = settings.point_by_point ? field.on_grid_dense(line) : field.on_grid(line);
  at::Tensor dense = grid_distances(*on_grid, settings, chunk, control.part(0, kDistancesDone));
  const SurfaceCubes cubes = find_surface_cubes(settings.grid, span_of<float>(dense), control.cancel);
  if (cubes.size() == 0) throw_empty("the shape does not reach into the grid");
  const at::Tensor points = indices_of(cubes.points);
  const at::Tensor distances = dense.index_select(0, points);
  dense.reset();
  control.step(kCubesDone);

  const at::Tensor undeformed = grid_positions(settings.grid, points);
  const at::Tensor deformation = in_chunks(
      points.size(0), chunk, control.part(kCubesDone, kDeformationDone),
      [&](int64_t first, int64_t last) { return on_grid->deformation(points.slice(0, first, last)); });
  check_finite(deformation, "deformations");
  const at::Tensor positions = deformation.defined() ? undeformed + deformation : undeformed;

  const int64_t cube_chunk = on_grid->cubes_are_narrow() ? chunk : std::max<int64_t>(1, chunk / kCubeCorners);
  const at::Tensor weights = in_chunks(
      cubes.size(), cube_chunk, control.part(kDeformationDone, kWeightsDone),
      [&](int64_t first, int64_t last) {
        const std::span<const int32_t> corners(cubes.corners[first].data(),
                                               static_cast<size_t>((last - first) * kCubeCorners));
        return on_grid->cube_weights(points.index_select(0, indices_of(corners)).view({-1, kCubeCorners}));
      });
  check_finite(weights, "cube weights");
  control.step(kWeightsDone);

  const FlexiCubesInput input{span_of<float>(distances), span_of<Float3>(positions), span_of<float>(weights)};
  const DualVertices vertices = dual_vertices(cubes, input);
  control.cancel.check();
  Surface surface = flexicubes(cubes, input, vertices);
  if (surface.faces.empty()) throw_empty("the shape touches the grid's border only");
  control.step(1);
  return surface;
}

}  // namespace relievo
