// The regular grid that fields are meshed on, as the published implementation lays it out.
#pragma once

#include <ATen/core/Tensor.h>

namespace relievo {

/// The grid's side: it covers -1.05..1.05, five per cent more than the model box.
inline constexpr double kGridSide = 2.1;

/// `[grid + 1]` float32 positions along each axis.
at::Tensor grid_line(int grid);

/// `[N, 3]` float32 positions of the vertices with the indices `[N]`, on the CPU; x slowest, z fastest.
at::Tensor grid_positions(int grid, const at::Tensor& indices);

/// `[(grid+1)^3, 3]` float32 positions of all vertices.
at::Tensor grid_vertices(int grid);

/// `[grid^3, 8]` int64 vertex indices of the cubes' corners 000, 100, 010, 110, 001, 101, 011, 111 (x first);
/// cubes x slowest.
at::Tensor grid_cubes(int grid);

/// `[1]` int64: the vertex (grid/2 + 1)^3, which the published repair of empty shapes makes inside.
at::Tensor grid_centre(int grid);

/// `[M]` int64, ascending: the vertices of the two outermost layers on every side, which the published repair
/// of empty shapes makes outside.
at::Tensor grid_border(int grid);

}  // namespace relievo
