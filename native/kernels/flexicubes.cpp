#include "kernels/flexicubes.h"

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

constexpr int64_t kGrain = 1024;
constexpr int64_t kCountGrain = 16384;

template <typename Body>
void loop(int64_t count, int64_t grain, const Body& body) {
  parallel_for(count, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(i);
  });
}

}  // namespace

void count_vertices_cpu(const FlexiCubes& cubes) {
  loop(kMostDualVertices * cubes.cube_count, kCountGrain, [&](int64_t i) { count_vertices_at(cubes, i); });
}

void place_vertices_cpu(const FlexiCubes& cubes) {
  loop(cubes.cube_count, kGrain, [&](int64_t cube) { place_vertices_at(cubes, cube); });
}

void measure_deviations_cpu(const FlexiCubes& cubes) {
  loop(cubes.cube_count, kGrain, [&](int64_t cube) { measure_deviations_at(cubes, cube); });
}

void count_quads_cpu(const FlexiCubes& cubes) {
  loop(2 * cubes.point_count, kGrain, [&](int64_t i) { count_quads_at(cubes, i); });
}

void fill_quads_cpu(const FlexiCubes& cubes) {
  loop(cubes.point_count, kGrain, [&](int64_t point) { fill_quads_at(cubes, point); });
}

}  // namespace relievo::kernels
