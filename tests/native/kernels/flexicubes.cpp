#include "kernels/flexicubes.h"

#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/surface_cubes.h"

namespace relievo::kernels {
namespace {

constexpr int kGrid = 9;
constexpr int64_t kRows = int64_t{kGrid} * kGrid, kVertexRows = int64_t{kGrid + 1} * (kGrid + 1);

/// Runs every pass, by the CPU's launchers or by those of CUDA.
class Passes {
 public:
  explicit Passes(bool by_cuda, bool is_fan) : by_cuda_(by_cuda) {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> value(-1, 1);
    distances_.resize(kVertexRows * (kGrid + 1));
    for (float& d : distances_) d = value(random);
    find_cubes();
    for (const int32_t point : points) point_distances_.push_back(distances_[point]);
    positions_.resize(3 * points.size());
    weights_.resize(cubes.size() * kCubeWeights);
    for (float& p : positions_) p = value(random);
    for (float& w : weights_) w = 3 * value(random);
    mesh(is_fan);
  }

  std::vector<int32_t> row_starts, cubes, point_starts, points, corners, faces;
  std::vector<uint8_t> cases;
  std::vector<float> vertices, deviations;

 private:
  template <typename Cpu, typename Cuda, typename... Arguments>
  void run(const Cpu& cpu, const Cuda& cuda, const Arguments&... arguments) const {
    if (by_cuda_) {
      cuda(arguments..., nullptr);
    } else {
      cpu(arguments...);
    }
  }

  static int32_t sum_up(std::vector<int32_t>& starts) {
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    return starts.back();
  }

  void find_cubes() {
    row_starts.resize(kRows + 1);
    point_starts.resize(kVertexRows + 1);
    CubeSearch search{.distances = distances_.data(),
                      .table = &kCubeTable,
                      .row_starts = row_starts.data(),
                      .point_starts = point_starts.data(),
                      .grid = kGrid};
    run(count_cubes_cpu, count_cubes_cuda, search, 0, kRows / 2);
    run(count_cubes_cpu, count_cubes_cuda, search, kRows / 2, kRows);
    search.cube_count = sum_up(row_starts);
    cubes.resize(search.cube_count);
    cases.resize(search.cube_count);
    search.cubes = cubes.data();
    search.cases = cases.data();
    run(name_cubes_cpu, name_cubes_cuda, search, 0, kRows / 2);
    run(name_cubes_cpu, name_cubes_cuda, search, kRows / 2, kRows);
    run(count_points_cpu, count_points_cuda, search);
    points.resize(sum_up(point_starts));
    search.points = points.data();
    run(name_points_cpu, name_points_cuda, search);
    corners.resize(kCubeCorners * cubes.size());
    search.corners = corners.data();
    run(number_corners_cpu, number_corners_cuda, search);
  }

  void mesh(bool is_fan) {
    const auto cube_count = static_cast<int64_t>(cubes.size()),
               point_count = static_cast<int64_t>(points.size());
    std::vector<int32_t> vertex_starts(4 * cube_count + 1), deviation_starts(4 * cube_count + 1),
        quad_starts(2 * point_count + 1);
    FlexiCubes f{.table = &kCubeTable,
                 .row_starts = row_starts.data(),
                 .cubes = cubes.data(),
                 .cases = cases.data(),
                 .points = points.data(),
                 .corners = corners.data(),
                 .distances = point_distances_.data(),
                 .positions = positions_.data(),
                 .weights = weights_.data(),
                 .vertex_starts = vertex_starts.data(),
                 .quad_starts = quad_starts.data(),
                 .deviation_starts = deviation_starts.data(),
                 .cube_count = cube_count,
                 .point_count = point_count,
                 .grid = kGrid,
                 .is_fan = is_fan};
    run(count_vertices_cpu, count_vertices_cuda, f);
    f.vertex_count = sum_up(vertex_starts);
    deviations.resize(sum_up(deviation_starts));
    run(count_quads_cpu, count_quads_cuda, f);
    const int64_t quads = sum_up(quad_starts);
    vertices.resize(3 * (f.vertex_count + (is_fan ? quads : 0)));
    faces.resize((is_fan ? 12 : 6) * quads, -1);
    f.vertices = vertices.data();
    f.faces = faces.data();
    f.deviations = deviations.data();
    run(place_vertices_cpu, place_vertices_cuda, f);
    run(measure_deviations_cpu, measure_deviations_cuda, f);
    run(fill_quads_cpu, fill_quads_cuda, f);
  }

  bool by_cuda_;
  std::vector<float> distances_, point_distances_, positions_, weights_;
};

TEST(FlexiCubesKernel, GivesTheSameByTheCudaLaunchers) {
  for (const bool is_fan : {false, true}) {
    const Passes plain(false, is_fan), launched(true, is_fan);
    ASSERT_FALSE(plain.faces.empty());
    EXPECT_EQ(plain.cubes, launched.cubes);
    EXPECT_EQ(plain.cases, launched.cases);
    EXPECT_EQ(plain.points, launched.points);
    EXPECT_EQ(plain.corners, launched.corners);
    EXPECT_EQ(plain.vertices, launched.vertices);
    EXPECT_EQ(plain.faces, launched.faces);
    EXPECT_EQ(plain.deviations, launched.deviations);
  }
}

// No place is left out, none is written beside it: every face names vertices.
TEST(FlexiCubesKernel, FillsEveryFace) {
  for (const bool is_fan : {false, true}) {
    const Passes passes(false, is_fan);
    for (const int32_t vertex : passes.faces) {
      EXPECT_GE(vertex, 0);
      EXPECT_LT(vertex, static_cast<int32_t>(passes.vertices.size() / 3));
    }
  }
}

}  // namespace
}  // namespace relievo::kernels
