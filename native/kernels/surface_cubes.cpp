#include "kernels/surface_cubes.h"

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

constexpr int64_t kRowGrain = 64;
constexpr int64_t kCubeGrain = 4096;

template <typename Body>
void loop(int64_t begin, int64_t end, int64_t grain, const Body& body) {
  parallel_for(end - begin, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = begin + first; i < begin + last; ++i) body(i);
  });
}

int64_t vertex_rows(const CubeSearch& s) { return (int64_t{s.grid} + 1) * (s.grid + 1); }

}  // namespace

void count_cubes_cpu(const CubeSearch& search, int64_t first, int64_t last) {
  loop(first, last, kRowGrain, [&](int64_t row) { count_cubes_at(search, row); });
}

void name_cubes_cpu(const CubeSearch& search, int64_t first, int64_t last) {
  loop(first, last, kRowGrain, [&](int64_t row) { name_cubes_at(search, row); });
}

void count_points_cpu(const CubeSearch& search) {
  loop(0, vertex_rows(search), kRowGrain, [&](int64_t row) { count_points_at(search, row); });
}

void name_points_cpu(const CubeSearch& search) {
  loop(0, vertex_rows(search), kRowGrain, [&](int64_t row) { name_points_at(search, row); });
}

void number_corners_cpu(const CubeSearch& search) {
  loop(0, search.cube_count, kCubeGrain, [&](int64_t cube) { number_corners_at(search, cube); });
}

}  // namespace relievo::kernels
