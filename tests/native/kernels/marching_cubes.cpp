#include "kernels/marching_cubes.h"

#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace relievo::kernels {
namespace {

constexpr int kSide = 9;
constexpr int64_t kCount = int64_t{kSide} * kSide * kSide;

/// Values, a made-up table (one triangle of edges 0, 3 and 8 where corner 0 alone is inside) and room.
struct Arrays {
  Arrays() : table(256) {
    std::mt19937 random(5);
    std::uniform_real_distribution<float> value(-1, 1);
    for (float& v : values) v = value(random);
    table[1].triangles = 1;
    table[1].edges[0] = 0, table[1].edges[1] = 3, table[1].edges[2] = 8;
  }

  MarchingCubes cubes() {
    return {.values = values.data(),
            .table = table.data(),
            .edge_owner = owners.data(),
            .edge_axis = axes.data(),
            .vertex_starts = vertex_starts.data(),
            .face_starts = face_starts.data(),
            .vertices = vertices.data(),
            .faces = faces.data(),
            .side = kSide,
            .threshold = 0};
  }
  void sum_up() {
    std::partial_sum(vertex_starts.begin(), vertex_starts.end(), vertex_starts.begin());
    std::partial_sum(face_starts.begin(), face_starts.end(), face_starts.begin());
    vertices.resize(3 * vertex_starts.back());
    faces.resize(3 * face_starts.back());
  }

  std::vector<float> values = std::vector<float>(kCount), vertices;
  std::vector<MarchingCase> table;
  std::vector<int8_t> owners = std::vector<int8_t>(12, 0), axes{0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0};
  std::vector<int32_t> vertex_starts = std::vector<int32_t>(kCount + 1),
                       face_starts = std::vector<int32_t>(kCount + 1), faces;
};

// The bodies lean on no order: a GPU runs them in any.
TEST(MarchingKernel, GivesTheSameInAnyOrderOnSeveralThreads) {
  Arrays plain, launched;
  count_marching_cpu(plain.cubes());
  plain.sum_up();
  fill_marching_cpu(plain.cubes());
  count_marching_cuda(launched.cubes(), nullptr);
  launched.sum_up();
  fill_marching_cuda(launched.cubes(), nullptr);
  ASSERT_FALSE(plain.faces.empty());
  EXPECT_EQ(plain.vertices, launched.vertices);
  EXPECT_EQ(plain.faces, launched.faces);
}

}  // namespace
}  // namespace relievo::kernels
