#include "surface/grid.h"

#include <ATen/ATen.h>

#include "nn/field.h"

namespace relievo {
namespace {

/// `[(grid+1), (grid+1), (grid+1)]` int64: each vertex's own index.
at::Tensor vertex_indices(int grid) {
  const int64_t side = grid + 1;
  return at::arange(side * side * side, at::kLong).view({side, side, side});
}

}  // namespace

at::Tensor grid_line(int grid) {
  // The published grid rounds the fractions i / grid to five decimals, because it merges cube corners by
  // them. Networks were trained on that, so its float32 values are matched to the bit.
  constexpr float kDecimals = 1e5;
  const at::Tensor fractions = (at::arange(grid + 1, at::kFloat) / grid * kDecimals).round() / kDecimals;
  return (fractions - 0.5) * kGridSide;
}

at::Tensor grid_positions(int grid, const at::Tensor& indices) {
  return line_positions(grid_line(grid), indices);
}

at::Tensor grid_vertices(int grid) { return grid_positions(grid, vertex_indices(grid).flatten()); }

at::Tensor grid_cubes(int grid) {
  const at::Tensor indices = vertex_indices(grid);
  std::vector<at::Tensor> corners;
  for (int64_t corner = 0; corner < 8; ++corner) {
    const int64_t x = corner & 1, y = corner >> 1 & 1, z = corner >> 2;
    corners.push_back(indices.slice(0, x, x + grid).slice(1, y, y + grid).slice(2, z, z + grid).flatten());
  }
  return at::stack(corners, -1);
}

at::Tensor grid_centre(int grid) {
  const int64_t middle = grid / 2 + 1;
  return vertex_indices(grid)[middle][middle][middle].view({1});
}

at::Tensor grid_border(int grid) {
  constexpr int64_t kLayers = 2;
  const int64_t side = grid + 1;
  at::Tensor is_border = at::ones({side, side, side}, at::kBool);
  is_border.slice(0, kLayers, side - kLayers)
      .slice(1, kLayers, side - kLayers)
      .slice(2, kLayers, side - kLayers)
      .fill_(false);
  return is_border.flatten().nonzero().flatten();
}

}  // namespace relievo
