#include "kernels/flexicubes.h"
#include "kernels/launch.cuh"

namespace relievo::kernels {

void count_vertices_cuda(const FlexiCubes& cubes, void* stream) {
  launch(kMostDualVertices * cubes.cube_count, stream,
         [cubes] __device__(int64_t i) { count_vertices_at(cubes, i); });
}

void place_vertices_cuda(const FlexiCubes& cubes, void* stream) {
  launch(cubes.cube_count, stream, [cubes] __device__(int64_t cube) { place_vertices_at(cubes, cube); });
}

void measure_deviations_cuda(const FlexiCubes& cubes, void* stream) {
  launch(cubes.cube_count, stream, [cubes] __device__(int64_t cube) { measure_deviations_at(cubes, cube); });
}

void count_quads_cuda(const FlexiCubes& cubes, void* stream) {
  launch(2 * cubes.point_count, stream, [cubes] __device__(int64_t i) { count_quads_at(cubes, i); });
}

void fill_quads_cuda(const FlexiCubes& cubes, void* stream) {
  launch(cubes.point_count, stream, [cubes] __device__(int64_t point) { fill_quads_at(cubes, point); });
}

}  // namespace relievo::kernels
