#include "surface/marching_cubes.h"

#include <array>
#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "base/error.h"
#include "kernels/cube_cases.h"
#include "kernels/marching_cubes.h"
#include "nn/launch.h"
#include "surface/tensors.h"

namespace relievo {
namespace {

using kernels::kCubeEdges;
using kernels::kEdgeBetween;
using kernels::kEdgeCorners;
using kernels::MarchingCase;

/// Returns whether two edges lie in one face of the cube.
constexpr bool share_face(int a, int b) {
  int all = 7, any = 0;
  for (const int corner : {kEdgeCorners[a][0], kEdgeCorners[a][1], kEdgeCorners[b][0], kEdgeCorners[b][1]}) {
    all &= corner;
    any |= corner;
  }
  return all != 0 || any != 7;
}

/// The polygons of one case, found by walking along the lines in which they meet the cube's faces.
constexpr MarchingCase derive_case(int inside) {
  const auto is_inside = [&](int corner) { return (inside >> corner & 1) != 0; };
  std::array<int, kCubeEdges> next{};
  next.fill(-1);
  for (int axis = 0; axis < 3; ++axis) {
    for (int side = 0; side < 2; ++side) {
      const int origin = side << axis, u = 1 << (axis + 1) % 3, v = 1 << (axis + 2) % 3;
      // The corners in order, counter-clockwise seen from outside the cube.
      const std::array<int, 4> corners =
          side == 1 ? std::array<int, 4>{origin, origin + u, origin + u + v, origin + v}
                    : std::array<int, 4>{origin, origin + v, origin + u + v, origin + u};
      for (int begin = 0; begin < 4; ++begin) {
        const auto corner = [&](int k) { return corners[k % 4]; };
        if (!is_inside(corner(begin)) || is_inside(corner(begin + 1))) continue;
        int end = begin + 1;  // the run of outside corners after `begin`
        while (!is_inside(corner(end + 1))) ++end;
        next[kEdgeBetween[corner(end)][corner(end + 1)]] = kEdgeBetween[corner(begin)][corner(begin + 1)];
      }
    }
  }
  MarchingCase result;
  std::array<bool, kCubeEdges> done{};
  int count = 0;
  for (int first = 0; first < kCubeEdges; ++first) {
    if (next[first] < 0 || done[first]) continue;
    std::array<int, kCubeEdges> polygon{};
    int size = 0;
    for (int e = first; !done[e]; e = next[e]) {
      done[e] = true;
      polygon[size++] = e;
    }
    // Polygons are cut by ears. A diagonal within a face of the cube is avoided, for it could meet the
    // neighbour's polygons there.
    while (size > 3) {
      int ear = 0;
      while (ear < size - 1 && share_face(polygon[(ear + size - 1) % size], polygon[(ear + 1) % size])) ++ear;
      for (const int k : {ear + size - 1, ear, ear + 1}) {
        result.edges[count++] = static_cast<int8_t>(polygon[k % size]);
      }
      for (int k = ear; k + 1 < size; ++k) polygon[k] = polygon[k + 1];
      --size;
    }
    for (int k = 0; k < 3; ++k) result.edges[count++] = static_cast<int8_t>(polygon[k]);
  }
  result.triangles = count / 3;
  return result;
}

template <int... kCases>
constexpr std::array<MarchingCase, 256> derive_cases(std::integer_sequence<int, kCases...>) {
  return {derive_case(kCases)...};
}

constexpr std::array<MarchingCase, 256> kTable = derive_cases(std::make_integer_sequence<int, 256>());

constexpr std::array<int8_t, kCubeEdges> edge_numbers(bool want_owner) {
  std::array<int8_t, kCubeEdges> numbers{};
  for (int e = 0; e < kCubeEdges; ++e) {
    const int owner = std::min(kEdgeCorners[e][0], kEdgeCorners[e][1]);
    const int step = kEdgeCorners[e][0] ^ kEdgeCorners[e][1];
    numbers[e] = static_cast<int8_t>(want_owner ? owner : step / 2);
  }
  return numbers;
}

constexpr std::array<int8_t, kCubeEdges> kOwners = edge_numbers(true), kAxes = edge_numbers(false);

constexpr int64_t kMostFaces = std::numeric_limits<int32_t>::max() / 3;

}  // namespace

Surface marching_cubes(int side, const at::Tensor& values, float threshold) {
  const int64_t count = int64_t{side} * side * side;
  if (values.numel() != count) throw Error(ErrorCode::kInternal, "The values do not fit the grid.");
  const at::Device device = values.device();
  const at::Tensor dense = values.to(at::kFloat).contiguous();
  const at::Tensor table = constant_on(device, kTable.data(), sizeof(kTable)),
                   owners = constant_on(device, kOwners.data(), sizeof(kOwners)),
                   axes = constant_on(device, kAxes.data(), sizeof(kAxes));
  const at::TensorOptions integers = dense.options().dtype(at::kInt);
  at::Tensor vertex_starts = at::zeros({count + 1}, integers), face_starts = at::zeros({count + 1}, integers);
  kernels::MarchingCubes cubes{.values = dense.const_data_ptr<float>(),
                               .table = static_cast<const MarchingCase*>(table.const_data_ptr()),
                               .edge_owner = static_cast<const int8_t*>(owners.const_data_ptr()),
                               .edge_axis = static_cast<const int8_t*>(axes.const_data_ptr()),
                               .vertex_starts = vertex_starts.mutable_data_ptr<int32_t>(),
                               .face_starts = face_starts.mutable_data_ptr<int32_t>(),
                               .side = side,
                               .threshold = threshold};
  launch_on(device, RELIEVO_LAUNCHERS(count_marching), cubes);
  const at::Tensor vertices = at::empty({sum_up(vertex_starts, kMostFaces), 3}, dense.options()),
                   faces = at::empty({sum_up(face_starts, kMostFaces), 3}, integers);
  cubes.vertices = vertices.mutable_data_ptr<float>();
  cubes.faces = faces.mutable_data_ptr<int32_t>();
  launch_on(device, RELIEVO_LAUNCHERS(fill_marching), cubes);
  return surface_of(vertices, faces);
}

}  // namespace relievo
