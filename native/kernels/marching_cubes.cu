#include "kernels/launch.cuh"
#include "kernels/marching_cubes.h"

namespace relievo::kernels {

void count_marching_cuda(const MarchingCubes& cubes, void* stream) {
  const int64_t count = static_cast<int64_t>(cubes.side) * cubes.side * cubes.side;
  launch(count, stream, [cubes] __device__(int64_t i) { count_marching_at(cubes, i); });
}

void fill_marching_cuda(const MarchingCubes& cubes, void* stream) {
  const int64_t count = static_cast<int64_t>(cubes.side) * cubes.side * cubes.side;
  launch(count, stream, [cubes] __device__(int64_t i) { fill_marching_at(cubes, i); });
}

}  // namespace relievo::kernels
