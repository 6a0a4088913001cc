#include "surface/grid.h"

#include <ATen/ATen.h>

#include "base/parallel.h"

namespace relievo {
namespace {

constexpr int64_t kGrain = 16384;

/// `[(grid+1), (grid+1), (grid+1)]` int64: each vertex's own index.
at::Tensor vertex_indices(int grid) {
  const int64_t side = grid + 1;
  return at::arange(side * side * side, at::kLong).view({side, side, side});
}

}  // namespace

at::Tensor grid_positions(int grid, const at::Tensor& indices) {
  // The published grid rounds the fractions i / grid to five decimals (a trace of how it merges cube
  // corners); networks were trained on it, and its float32 values are matched to the bit.
  constexpr float kDecimals = 1e5;
  const at::Tensor fractions = (at::arange(grid + 1, at::kFloat) / grid * kDecimals).round() / kDecimals;
  const at::Tensor line = (fractions - 0.5) * kGridSide;

  const at::Tensor numbers = indices.to(at::kLong).contiguous();
  at::Tensor positions = at::empty({numbers.size(0), 3}, at::kFloat);
  const float* const at_step = line.const_data_ptr<float>();
  const int64_t* const number = numbers.const_data_ptr<int64_t>();
  float* const position = positions.mutable_data_ptr<float>();
  parallel_for(numbers.size(0), kGrain, [&](int64_t first, int64_t last) {
    const auto side = static_cast<uint32_t>(grid + 1);
    for (int64_t i = first; i < last; ++i) {
      const auto vertex = static_cast<uint32_t>(number[i]), row = vertex / side;
      position[3 * i] = at_step[row / side];
      position[3 * i + 1] = at_step[row % side];
      position[3 * i + 2] = at_step[vertex % side];
    }
  });
  return positions;
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
