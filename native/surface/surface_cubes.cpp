#include "surface/surface_cubes.h"

#include <algorithm>
#include <limits>

#include <ATen/ATen.h>

#include "base/error.h"
#include "kernels/surface_cubes.h"
#include "nn/launch.h"
#include "surface/tensors.h"

namespace relievo {
namespace {

/// Corners are counted in int32, which bounds the number of cubes.
constexpr int64_t kMostCubes = std::numeric_limits<int32_t>::max() / kernels::kCubeCorners;

/// Calls `launch(first, last)` on ranges of the rows that a CPU gets through in a fraction of a second.
template <typename Launch>
void over_rows(int grid, const CancelToken& cancel, const Launch& launch) {
  constexpr int64_t kMostVertices = int64_t{1} << 26;
  const int64_t rows = int64_t{grid} * grid, step = std::max<int64_t>(kMostVertices / grid, 1);
  for (int64_t first = 0; first < rows; first += step) {
    cancel.check();
    launch(first, std::min(rows, first + step));
  }
}

}  // namespace

SurfaceCubes find_surface_cubes(int grid, const at::Tensor& distances, const CancelToken& cancel) {
  const int64_t side = grid + 1;
  if (distances.numel() != side * side * side) {
    throw Error(ErrorCode::kInternal, "The distances do not fit the grid.");
  }
  const at::Device device = distances.device();
  const at::Tensor values = distances.to(at::kFloat).contiguous();
  const at::TensorOptions integers = at::TensorOptions().dtype(at::kInt).device(device);
  const at::Tensor table = constant_on(device, &kernels::kCubeTable, sizeof(kernels::kCubeTable));
  SurfaceCubes found;
  found.grid = grid;
  found.row_starts = at::zeros({int64_t{grid} * grid + 1}, integers);
  at::Tensor point_starts = at::zeros({side * side + 1}, integers);
  kernels::CubeSearch search{.distances = values.const_data_ptr<float>(),
                             .table = static_cast<const kernels::CubeTable*>(table.const_data_ptr()),
                             .row_starts = found.row_starts.mutable_data_ptr<int32_t>(),
                             .point_starts = point_starts.mutable_data_ptr<int32_t>(),
                             .grid = grid};
  over_rows(grid, cancel, [&](int64_t first, int64_t last) {
    launch_on(device, RELIEVO_LAUNCHERS(count_cubes), search, first, last);
  });
  search.cube_count = sum_up(found.row_starts, kMostCubes);

  found.cubes = at::empty({search.cube_count}, integers);
  found.cases = at::empty({search.cube_count}, integers.dtype(at::kByte));
  search.cubes = found.cubes.mutable_data_ptr<int32_t>();
  search.cases = found.cases.mutable_data_ptr<uint8_t>();
  over_rows(grid, cancel, [&](int64_t first, int64_t last) {
    launch_on(device, RELIEVO_LAUNCHERS(name_cubes), search, first, last);
  });

  launch_on(device, RELIEVO_LAUNCHERS(count_points), search);
  found.points = at::empty({sum_up(point_starts, std::numeric_limits<int32_t>::max())}, integers);
  search.points = found.points.mutable_data_ptr<int32_t>();
  launch_on(device, RELIEVO_LAUNCHERS(name_points), search);

  found.corners = at::empty({search.cube_count, kernels::kCubeCorners}, integers);
  search.corners = found.corners.mutable_data_ptr<int32_t>();
  launch_on(device, RELIEVO_LAUNCHERS(number_corners), search);
  return found;
}

}  // namespace relievo
