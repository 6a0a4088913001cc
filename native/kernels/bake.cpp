#include "kernels/bake.h"

#include "base/parallel.h"

namespace relievo::kernels {
namespace {

constexpr int64_t kGrain = 4096;

template <typename Body>
void run(int64_t count, const Body& body) {
  parallel_for(count, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) body(i);
  });
}

}  // namespace

void find_texels_cpu(const UvRaster& raster, int64_t rows) {
  run(rows * raster.size, [&](int64_t i) { find_texel_at(raster, i); });
}

void interpolate_cpu(const Interpolation& points, int64_t count) {
  run(count, [&](int64_t i) { interpolate_at(points, i); });
}

void find_depths_cpu(const DepthRaster& raster, int64_t height) {
  run(height * raster.width, [&](int64_t i) { find_depth_at(raster, i); });
}

}  // namespace relievo::kernels
