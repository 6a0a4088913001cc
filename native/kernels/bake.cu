#include "kernels/bake.h"
#include "kernels/launch.cuh"
#include "kernels/mesh_tree.h"

namespace relievo::kernels {

void find_texels_cuda(const UvRaster& raster, int64_t rows, void* stream) {
  launch(rows * raster.size, stream, [raster] __device__(int64_t i) { find_texel_at(raster, i); });
}

void interpolate_cuda(const Interpolation& points, int64_t count, void* stream) {
  launch(count, stream, [points] __device__(int64_t i) { interpolate_at(points, i); });
}

void find_depths_cuda(const DepthRaster& raster, int64_t height, void* stream) {
  launch(height * raster.width, stream, [raster] __device__(int64_t i) { find_depth_at(raster, i); });
}

void find_detail_cuda(const DetailSearch& search, int64_t count, void* stream) {
  launch(count, stream, [search] __device__(int64_t i) { find_detail_at(search, i); });
}

}  // namespace relievo::kernels
