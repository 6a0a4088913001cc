#include "surface/surface_cubes.h"

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "surface/prefix_sums.h"

namespace relievo {
namespace {

constexpr int64_t kRowGrain = 64;
constexpr int64_t kCubeGrain = 4096;

/// The signs on the four rows of vertices round a row of cubes.
struct CubeRow {
  CubeRow(int grid, std::span<const float> distances, int x, int y) {
    const int64_t side = grid + 1;
    for (int corner = 0; corner < 4; ++corner) {
      rows[corner] = &distances[((x + (corner & 1)) * side + y + (corner >> 1)) * side];
    }
  }

  /// Bits 0..3: which of the four corners at height z are inside.
  unsigned layer(int z) const {
    unsigned bits = 0;
    for (unsigned corner = 0; corner < 4; ++corner)
      bits |= static_cast<unsigned>(rows[corner][z] < 0) << corner;
    return bits;
  }

  std::array<const float*, 4> rows;
};

/// Calls `visit(z, cube_case)` for the crossed cubes of the row (x, y).
template <typename Visit>
void visit_crossed(int grid, std::span<const float> distances, int x, int y, const Visit& visit) {
  const CubeRow row(grid, distances, x, y);
  unsigned below = row.layer(0);
  for (int z = 0; z < grid; ++z) {
    const unsigned above = row.layer(z + 1);
    const unsigned cube_case = below | above << 4;
    if (cube_case != 0 && cube_case != 255) visit(z, static_cast<uint8_t>(cube_case));
    below = above;
  }
}

/// The case to use for the cube (x, y, z) whose signs say `cube_case`.
uint8_t resolved_case(int grid, std::span<const float> distances, int x, int y, int z, uint8_t cube_case) {
  const CubeCase& plain = kCubeCases[cube_case];
  if (!plain.is_ambiguous()) return cube_case;
  x += plain.twin[0];
  y += plain.twin[1];
  z += plain.twin[2];
  if (std::min({x, y, z}) < 0 || std::max({x, y, z}) >= grid) return cube_case;
  const CubeRow row(grid, distances, x, y);
  const unsigned twin_case = row.layer(z) | row.layer(z + 1) << 4;
  return kCubeCases[twin_case].is_ambiguous() ? opposite_case(cube_case) : cube_case;
}

/// Calls `visit(z)` for the vertices of the row (x, y) of the grid that are corners of crossed cubes,
/// upwards.
template <typename Visit>
void visit_corners(const SurfaceCubes& found, int x, int y, const Visit& visit) {
  // A cube at height z has vertices at z and z + 1 in this row: merge the four rows of cubes around it.
  std::array<std::span<const int32_t>, 4> rows;
  for (int k = 0; k < 4; ++k) {
    const int cube_x = x - (k & 1), cube_y = y - (k >> 1);
    if (std::min(cube_x, cube_y) < 0 || std::max(cube_x, cube_y) >= found.grid) continue;
    const int64_t row = static_cast<int64_t>(cube_x) * found.grid + cube_y;
    rows[k] = std::span(found.cubes)
                  .subspan(found.row_starts[row], found.row_starts[row + 1] - found.row_starts[row]);
  }
  for (int visited = -1;;) {
    int lowest = found.grid;
    for (const auto& row : rows) {
      if (!row.empty()) lowest = std::min(lowest, row.front() % found.grid);
    }
    if (lowest == found.grid) return;
    for (auto& row : rows) {
      if (!row.empty() && row.front() % found.grid == lowest) row = row.subspan(1);
    }
    if (lowest > visited) visit(lowest);
    visit(lowest + 1);
    visited = lowest + 1;
  }
}

/// Fills points and corners.
void number_corners(SurfaceCubes& found) {
  const int grid = found.grid, side = grid + 1;
  const int64_t rows = static_cast<int64_t>(side) * side;
  const std::vector<int32_t> starts = starts_of(rows, kRowGrain, [&](int64_t row) {
    int32_t count = 0;
    visit_corners(found, static_cast<int>(row / side), static_cast<int>(row % side), [&](int) { ++count; });
    return count;
  });
  found.points.resize(starts.back());
  parallel_for(rows, kRowGrain, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) {
      int32_t* point = found.points.data() + starts[row];
      visit_corners(found, static_cast<int>(row / side), static_cast<int>(row % side),
                    [&](int z) { *point++ = static_cast<int32_t>(row * side + z); });
    }
  });
  found.corners.resize(found.cubes.size());
  parallel_for(found.size(), kCubeGrain, [&](int64_t first, int64_t last) {
    for (int64_t s = first; s < last; ++s) {
      const int cube = found.cubes[s], z = cube % grid, y = cube / grid % grid, x = cube / grid / grid;
      for (int column = 0; column < 4; ++column) {
        const int row = (x + (column & 1)) * side + y + (column >> 1);
        const int32_t* begin = found.points.data() + starts[row];
        const int32_t* end = found.points.data() + starts[row + 1];
        const auto lower =
            static_cast<int32_t>(std::lower_bound(begin, end, row * side + z) - found.points.data());
        found.corners[s][column] = lower;
        found.corners[s][column + 4] = lower + 1;
      }
    }
  });
}

}  // namespace

int32_t SurfaceCubes::find(int x, int y, int z) const {
  const int row = x * grid + y, cube = row * grid + z;
  const auto begin = cubes.begin() + row_starts[row], end = cubes.begin() + row_starts[row + 1];
  const auto found = std::lower_bound(begin, end, cube);
  return found != end && *found == cube ? static_cast<int32_t>(found - cubes.begin()) : -1;
}

SurfaceCubes find_surface_cubes(int grid, std::span<const float> distances, const CancelToken& cancel) {
  const int64_t side = grid + 1;
  if (std::ssize(distances) != side * side * side) {
    throw Error(ErrorCode::kInternal, "The distances do not fit the grid.");
  }
  SurfaceCubes found;
  found.grid = grid;
  const int64_t rows = static_cast<int64_t>(grid) * grid;
  found.row_starts = starts_of(rows, kRowGrain, [&](int64_t row) {
    cancel.check();
    int32_t count = 0;
    visit_crossed(grid, distances, static_cast<int>(row / grid), static_cast<int>(row % grid),
                  [&](int, uint8_t) { ++count; });
    return count;
  });
  found.cubes.resize(found.row_starts.back());
  found.cases.resize(found.row_starts.back());
  parallel_for(rows, kRowGrain, [&](int64_t first, int64_t last) {
    cancel.check();
    for (int64_t row = first; row < last; ++row) {
      int32_t s = found.row_starts[row];
      if (s == found.row_starts[row + 1]) continue;
      const int x = static_cast<int>(row / grid), y = static_cast<int>(row % grid);
      visit_crossed(grid, distances, x, y, [&](int z, uint8_t cube_case) {
        found.cubes[s] = static_cast<int32_t>(row * grid + z);
        found.cases[s] = resolved_case(grid, distances, x, y, z, cube_case);
        ++s;
      });
    }
  });
  number_corners(found);
  return found;
}

}  // namespace relievo
