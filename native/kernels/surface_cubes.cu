#include "kernels/launch.cuh"
#include "kernels/surface_cubes.h"

namespace relievo::kernels {
namespace {

int64_t vertex_rows(const CubeSearch& s) { return (int64_t{s.grid} + 1) * (s.grid + 1); }

}  // namespace

void count_cubes_cuda(const CubeSearch& search, int64_t first, int64_t last, void* stream) {
  launch(last - first, stream, [search, first] __device__(int64_t i) { count_cubes_at(search, first + i); });
}

void name_cubes_cuda(const CubeSearch& search, int64_t first, int64_t last, void* stream) {
  launch(last - first, stream, [search, first] __device__(int64_t i) { name_cubes_at(search, first + i); });
}

void count_points_cuda(const CubeSearch& search, void* stream) {
  launch(vertex_rows(search), stream, [search] __device__(int64_t row) { count_points_at(search, row); });
}

void name_points_cuda(const CubeSearch& search, void* stream) {
  launch(vertex_rows(search), stream, [search] __device__(int64_t row) { name_points_at(search, row); });
}

void number_corners_cuda(const CubeSearch& search, void* stream) {
  launch(search.cube_count, stream, [search] __device__(int64_t cube) { number_corners_at(search, cube); });
}

}  // namespace relievo::kernels
