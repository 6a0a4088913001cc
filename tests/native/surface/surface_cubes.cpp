// Tests which cubes the surface crosses, and how their corners are numbered.
#include "surface/surface_cubes.h"

#include <algorithm>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/error.h"
#include "fields.h"
#include "kernels/surface_cubes.h"

namespace relievo {
namespace {

constexpr int kGrid = 9;
constexpr int kSide = kGrid + 1;

std::vector<int32_t> numbers(const at::Tensor& tensor) {
  const at::Tensor ints = tensor.to(at::kInt).contiguous();
  return {ints.const_data_ptr<int32_t>(), ints.const_data_ptr<int32_t>() + ints.numel()};
}

/// The cubes that were found, as plain arrays.
struct Found {
  explicit Found(const SurfaceCubes& found)
      : cubes(numbers(found.cubes)),
        cases(numbers(found.cases)),
        points(numbers(found.points)),
        corners(numbers(found.corners)),
        row_starts(numbers(found.row_starts)) {}

  int64_t size() const { return std::ssize(cubes); }
  int32_t find(int x, int y, int z) const {
    return kernels::find_cube(row_starts.data(), cubes.data(), kGrid, x, y, z);
  }

  std::vector<int32_t> cubes, cases, points, corners, row_starts;
};

Found find_in(const at::Tensor& distances, const CancelToken& cancel = {}) {
  return Found(find_surface_cubes(kGrid, distances, cancel));
}

/// One vertex in about thirty inside.
at::Tensor sparse_noise() {
  at::manual_seed(4);
  return at::rand({kSide * kSide * kSide}) - 0.03;
}

int vertex_of_corner(int cube, int corner) {
  const int x = cube / kGrid / kGrid + (corner & 1), y = cube / kGrid % kGrid + (corner >> 1 & 1);
  return (x * kSide + y) * kSide + cube % kGrid + (corner >> 2);
}

TEST(SurfaceCubes, AreThoseWithCornersInsideAndOutside) {
  const at::Tensor distances = sparse_noise();
  std::vector<int32_t> expected;
  for (int cube = 0; cube < kGrid * kGrid * kGrid; ++cube) {
    int inside = 0;
    for (int corner = 0; corner < 8; ++corner) {
      inside += distances[vertex_of_corner(cube, corner)].item<float>() < 0;
    }
    if (inside != 0 && inside != 8) expected.push_back(cube);
  }
  EXPECT_EQ(find_in(distances).cubes, expected);
}

TEST(SurfaceCubes, CornersNameTheVerticesOfTheirCube) {
  const Found found = find_in(sparse_noise());
  for (int64_t s = 0; s < found.size(); ++s) {
    for (int corner = 0; corner < 8; ++corner) {
      EXPECT_EQ(found.points[found.corners[8 * s + corner]], vertex_of_corner(found.cubes[s], corner));
    }
  }
}

TEST(SurfaceCubes, PointsAreTheirCornersAndEachIsThereOnce) {
  const Found found = find_in(sparse_noise());
  std::set<int32_t> corners;
  for (const int32_t cube : found.cubes) {
    for (int corner = 0; corner < 8; ++corner) corners.insert(vertex_of_corner(cube, corner));
  }
  EXPECT_EQ(found.points, std::vector<int32_t>(corners.begin(), corners.end()));
}

TEST(SurfaceCubes, CubesAreFoundByTheirPlaceAndOthersAreNot) {
  const Found found = find_in(sparse_noise());
  for (int cube = 0; cube < kGrid * kGrid * kGrid; ++cube) {
    const auto place = std::ranges::find(found.cubes, cube);
    const auto expected = place == found.cubes.end() ? -1 : static_cast<int32_t>(place - found.cubes.begin());
    EXPECT_EQ(found.find(cube / kGrid / kGrid, cube / kGrid % kGrid, cube % kGrid), expected);
  }
}

TEST(SurfaceCubes, ZeroAndNotANumberAreOutside) {
  at::Tensor distances = at::ones({kSide * kSide * kSide});
  distances[500] = 0;
  distances[600] = -0.0;
  distances[700] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(find_in(distances).size(), 0);
}

// Cubes 0 and 1 along z; in the face between them corners are inside and outside by turns, and both cubes
// have only two corners outside.
TEST(SurfaceCubes, AmbiguousTwinsBothTakeTheOppositeCase) {
  at::Tensor distances = at::full({kSide, kSide, kSide}, -1.0f);
  distances[0][1][1] = 1;
  distances[1][0][1] = 1;
  const Found found = find_in(distances.flatten());
  EXPECT_EQ(found.cases.at(found.find(0, 0, 0)), 0b01100000);
  EXPECT_EQ(found.cases.at(found.find(0, 0, 1)), 0b00000110);
}

// The same, but the cube above has two more corners outside: it keeps the corners inside apart by itself.
TEST(SurfaceCubes, AmbiguousCubeWithoutATwinKeepsItsCase) {
  at::Tensor distances = at::full({kSide, kSide, kSide}, -1.0f);
  distances[0][1][1] = 1;
  distances[1][0][1] = 1;
  distances[0][0][2] = 1;
  distances[1][1][2] = 1;
  const Found found = find_in(distances.flatten());
  EXPECT_EQ(found.cases.at(found.find(0, 0, 0)), 0b10011111);
}

TEST(SurfaceCubes, AnotherNumberOfDistancesIsAnError) {
  expect_error(ErrorCode::kInternal, "do not fit the grid", [] { find_in(at::ones({kSide * kSide})); });
}

TEST(SurfaceCubes, StopsWhenCancelled) {
  const CancelToken cancel;
  cancel.cancel();
  expect_error(ErrorCode::kCancelled, "Cancelled", [&] { find_in(sparse_noise(), cancel); });
}

}  // namespace
}  // namespace relievo
