#include "kernels/marching_cubes.h"

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

constexpr int64_t kGrain = 16384;

int64_t vertex_count(const MarchingCubes& m) { return static_cast<int64_t>(m.side) * m.side * m.side; }

}  // namespace

void count_marching_cpu(const MarchingCubes& cubes) {
  parallel_for(vertex_count(cubes), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) count_marching_at(cubes, i);
  });
}

void fill_marching_cpu(const MarchingCubes& cubes) {
  parallel_for(vertex_count(cubes), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) fill_marching_at(cubes, i);
  });
}

}  // namespace relievo::kernels
