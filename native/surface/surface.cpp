#include "surface/surface.h"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "surface/flexicubes.h"
#include "surface/grid.h"
#include "surface/marching_cubes.h"
#include "surface/surface_cubes.h"

namespace relievo {
namespace {

constexpr int kSmallestGrid = 8;
constexpr int kLargestGrid = 1024;

// The bytes that a field takes for one point, estimated: the features of three planes and two layers of a
// head in float32, rounded up. Chunks are small enough for a field on a CPU to be stopped within half a
// second.
constexpr int64_t kBytesPerPoint = 8 << 10;
constexpr int64_t kSmallestChunk = 1 << 10;
constexpr int64_t kLargestChunk = 1 << 17;

// The most bytes that meshing holds for a value of the grid: the values twice, two counts and their masks.
constexpr int64_t kBytesPerValue = 20;

// The share of the work that is done after each step, for progress.
constexpr double kDistancesDone = 0.8;
constexpr double kCubesDone = 0.85;
constexpr double kDeformationDone = 0.9;
constexpr double kWeightsDone = 0.95;

/// The device on which answers are gathered, and the portions in which a field is asked.
struct Portions {
  int64_t chunk = kLargestChunk;  ///< points at a time
  /// The device on which the answers are gathered and meshed.
  at::Device place = at::kCPU;
};

Portions portions_of(const Field& field, const GridField& on_grid, int64_t values,
                     const Execution& execution) {
  int64_t budget = execution.byte_budget - on_grid.held_bytes();
  Portions portions;
  if (!field.device().is_cpu() && values * kBytesPerValue <= budget / 2) {
    portions.place = field.device();
    budget -= values * kBytesPerValue;
  }
  portions.chunk = std::clamp(budget / kBytesPerPoint, kSmallestChunk, kLargestChunk);
  return portions;
}

/// Evaluates `evaluate(first, last)` for ranges of about `chunk` of `count` items, which returns `[last -
/// first, ...]` or an undefined tensor, and gathers the results on `place`; undefined where the first is.
template <typename Evaluate>
at::Tensor in_chunks(int64_t count, int64_t chunk, at::Device place, const Control& control,
                     const Evaluate& evaluate) {
  at::Tensor results;
  for (int64_t first = 0; first < count; first += chunk) {
    const int64_t last = std::min(count, first + chunk);
    const at::Tensor part = evaluate(first, last);
    if (!part.defined()) return {};
    if (!results.defined()) {
      std::vector<int64_t> shape = part.sizes().vec();
      shape[0] = count;
      results = at::empty(shape, at::TensorOptions().dtype(at::kFloat).device(place));
    }
    results.slice(0, first, last).copy_(part);
    control.step(static_cast<double>(last) / static_cast<double>(count));
  }
  return results;
}

void check_finite(const at::Tensor& values, const char* what) {
  // The sum is finite only if all terms are, save when it overflows; only then are the terms looked at one by
  // one.
  if (!values.defined() || values.sum(at::kDouble).isfinite().item<bool>()) return;
  if (values.isfinite().all().item<bool>()) return;
  throw Error(ErrorCode::kInternal, fmt::format("The model's {} are not all finite numbers.", what),
              "Its weights may be damaged: verify the model's files.");
}

[[noreturn]] void throw_empty(const char* why) {
  throw Error(ErrorCode::kEmptySurface, fmt::format("There is no surface to mesh: {}.", why),
              "Try another picture, another mask or another seed.");
}

/// Makes the outermost vertices of `[grid + 1, grid + 1, grid + 1]` distances outside where they are inside,
/// in place. Such a vertex gets the next inner one's distance with the opposite sign, so that the closing
/// face lies halfway between them wherever the shape reaches the box: flat, and half a cube inside the grid,
/// where every crossed edge has its four cubes.
void close_at_border(const at::Tensor& distances, int grid) {
  for (int64_t axis = 0; axis < 3; ++axis) {
    for (const bool is_upper : {false, true}) {
      at::Tensor outer = distances.select(axis, is_upper ? grid : 0);
      const at::Tensor inner = distances.select(axis, is_upper ? grid - 1 : 1);
      outer.copy_(at::where(outer < 0, inner.abs(), outer));
    }
  }
}

/// `[(grid + 1)^3]` signed distances, prepared for the extractor.
at::Tensor grid_distances(const GridField& field, const SurfaceSettings& settings, const Portions& portions,
                          const Control& control) {
  const int64_t side = settings.grid + 1;
  at::Tensor distances = in_chunks(side * side * side, portions.chunk, portions.place, control,
                                   [&](int64_t first, int64_t last) { return field.values(first, last); });
  check_finite(distances, "signed distances");
  const auto [lowest, highest] = distances.aminmax();
  if (lowest.item<float>() >= 0) throw_empty("the shape is empty");
  if (highest.item<float>() < 0) throw_empty("the shape fills the whole box");
  // A vertex on the surface counts as outside; moved off zero, the extractor turns the triangles there the
  // right way too.
  distances.masked_fill_(distances == 0, std::numeric_limits<float>::min());
  if (settings.close_at_box) close_at_border(distances.view({side, side, side}), settings.grid);
  return distances;
}

void check_request(const SurfaceSettings& settings) {
  if (settings.grid < kSmallestGrid || settings.grid > kLargestGrid) {
    throw invalid_value("grid", fmt::to_string(settings.grid),
                        fmt::format("Use {} to {}.", kSmallestGrid, kLargestGrid));
  }
}

/// Makes the outermost layer of `[side, side, side]` densities outside where it is inside, in place.
void close_densities(const at::Tensor& values, double threshold) {
  const double outside = threshold - std::max(std::abs(threshold), 1.0);
  for (int64_t axis = 0; axis < 3; ++axis) {
    for (const int64_t place : {int64_t{0}, values.size(axis) - 1}) {
      at::Tensor outer = values.select(axis, place);
      outer.masked_fill_(outer > threshold, outside);
    }
  }
}

Surface extract_density(const Field& field, const GridField& on_grid, const SurfaceSettings& settings,
                        const Execution& execution) {
  const Control& control = execution.control;
  const int64_t side = settings.grid, count = side * side * side;
  const Portions portions = portions_of(field, on_grid, count, execution);
  const at::Tensor values =
      in_chunks(count, portions.chunk, portions.place, control.part(0, kWeightsDone),
                [&](int64_t first, int64_t last) { return on_grid.values(first, last); });
  check_finite(values, "densities");
  const float threshold = settings.density_threshold.value_or(field.density_threshold());
  if (values.max().item<float>() <= threshold) throw_empty("the density is below the threshold everywhere");
  if (values.min().item<float>() > threshold) throw_empty("the density is above the threshold everywhere");
  if (settings.close_at_box) close_densities(values.view({side, side, side}), threshold);
  control.cancel.check();
  Surface surface = marching_cubes(settings.grid, values, threshold);
  if (surface.faces.empty()) throw_empty("the shape touches the grid's border only");
  control.step(1);
  return surface;
}

/// `[C, 3]` deformation of the points; undefined where there is none.
at::Tensor deformation_at(const at::Tensor& points, const GridField& on_grid, const Portions& portions,
                          const Control& control) {
  const at::Tensor asked = points.cpu();
  at::Tensor deformation = in_chunks(
      asked.size(0), portions.chunk, portions.place, control,
      [&](int64_t first, int64_t last) { return on_grid.deformation(asked.slice(0, first, last)); });
  check_finite(deformation, "deformations");
  return deformation;
}

/// `[S, 21]` weights of the crossed cubes; undefined where there are none.
at::Tensor weights_of(const SurfaceCubes& cubes, const at::Tensor& points, const GridField& on_grid,
                      const Portions& portions, const Control& control) {
  const at::Tensor vertices = points.cpu(), corners = cubes.corners.cpu();
  const int64_t chunk = on_grid.cubes_are_narrow()
                            ? portions.chunk
                            : std::max<int64_t>(1, portions.chunk / kernels::kCubeCorners);
  at::Tensor weights =
      in_chunks(cubes.size(), chunk, portions.place, control, [&](int64_t first, int64_t last) {
        const at::Tensor numbers = corners.slice(0, first, last);
        return on_grid.cube_weights(vertices.index_select(0, numbers.flatten()).view_as(numbers));
      });
  check_finite(weights, "cube weights");
  return weights;
}

Surface extract_distance(const Field& field, const GridField& on_grid, const SurfaceSettings& settings,
                         const Execution& execution) {
  const Control& control = execution.control;
  const int64_t side = settings.grid + 1;
  const Portions portions = portions_of(field, on_grid, side * side * side, execution);
  at::Tensor distances = grid_distances(on_grid, settings, portions, control.part(0, kDistancesDone));
  const SurfaceCubes cubes = find_surface_cubes(settings.grid, distances, control.cancel);
  if (cubes.size() == 0) throw_empty("the shape does not reach into the grid");
  const at::Tensor points = cubes.points.to(at::kLong);
  FlexiCubesInput input{.distances = distances.index_select(0, points),
                        .positions = grid_positions(settings.grid, points.cpu()).to(portions.place)};
  distances.reset();
  control.step(kCubesDone);

  const at::Tensor deformation =
      deformation_at(points, on_grid, portions, control.part(kCubesDone, kDeformationDone));
  if (deformation.defined()) input.positions += deformation;
  input.weights = weights_of(cubes, points, on_grid, portions, control.part(kDeformationDone, kWeightsDone));
  control.step(kWeightsDone);

  const DualVertices vertices = dual_vertices(cubes, input);
  control.cancel.check();
  Surface surface = flexicubes(cubes, input, vertices);
  if (surface.faces.empty()) throw_empty("the shape touches the grid's border only");
  control.step(1);
  return surface;
}

void settle(const Field& field, Surface& surface) {
  const auto count = static_cast<int64_t>(surface.vertices.size());
  const at::Tensor vertices = at::from_blob(surface.vertices.data(), {count, 3}, at::kFloat);
  const at::Tensor settled = field.settled(vertices);
  if (!settled.defined()) return;
  check_finite(settled, "places of vertices");
  vertices.copy_(settled);
}

}  // namespace

Surface extract_surface(const Field& field, const SurfaceSettings& settings, const Execution& execution) {
  check_request(settings);
  const at::NoGradGuard no_grad;
  const bool is_density = field.kind() == FieldKind::kDensity;
  const at::Tensor line = is_density ? at::linspace(-1, 1, settings.grid) : grid_line(settings.grid);
  const auto on_grid = field.on_grid(line, execution.byte_budget / 2);
  if (is_density) return extract_density(field, *on_grid, settings, execution);
  Surface surface = extract_distance(field, *on_grid, settings, execution);
  settle(field, surface);
  return surface;
}

}  // namespace relievo
