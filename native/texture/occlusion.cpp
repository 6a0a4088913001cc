#include "texture/occlusion.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "base/vectors.h"
#include "base/vertex_normals.h"
#include "kernels/push_pull.h"
#include "kernels/rays.h"
#include "texture/texels.h"

namespace relievo {
namespace {

constexpr float kFrom = 1e-4f;       // share of the diagonal
constexpr int64_t kChunk = 1 << 14;  // points between two looks at the cancel token

}  // namespace

ByteImage bake_occlusion(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                         const OcclusionSettings& settings, const Execution& execution) {
  const Control& control = execution.control;
  control.step(0);
  Execution here = execution;
  here.device = at::kCPU;
  const std::vector<Float3> normals = vertex_normals(surface);
  const kernels::MeshTree tree =
      kernels::build_tree(surface.vertices.data()->data(), surface.faces.data()->data(),
                          static_cast<int64_t>(surface.faces.size()));
  const auto extent = [&](int axis) {
    const auto [low, high] =
        std::ranges::minmax(surface.vertices, {}, [&](const Float3& v) { return v[axis]; });
    return high[axis] - low[axis];
  };
  const float diagonal = length(Float3{extent(0), extent(1), extent(2)});
  kernels::SkySearch search{.tree = {.nodes = tree.nodes.data(),
                                     .order = tree.order.data(),
                                     .faces = surface.faces.data()->data(),
                                     .vertices = surface.vertices.data()->data()},
                            .rays = settings.rays,
                            .from = kFrom * diagonal,
                            .reach = settings.reach * diagonal};
  control.step(0.05);
  Image map(settings.size, settings.size, 1);
  std::vector<float> coverage(static_cast<size_t>(settings.size) * settings.size, 0);
  const TexelReader reader(surface, corner_uv, normals, settings.size, here);
  std::vector<float> open;
  for (int band = 0; band < reader.bands(); ++band) {
    const Texels texels = reader.band(band);
    const at::Tensor points = texels.positions.contiguous(), directions = texels.normals.contiguous();
    const int64_t total = points.size(0);
    open.resize(total);
    for (int64_t first = 0; first < total; first += kChunk) {
      const double done = static_cast<double>(first) / static_cast<double>(total);
      control.step(0.05 + 0.9 * (band + done) / reader.bands());
      search.points = points.const_data_ptr<float>() + 3 * first;
      search.normals = directions.const_data_ptr<float>() + 3 * first;
      search.result = open.data() + first;
      kernels::find_sky_cpu(search, std::min(kChunk, total - first));
    }
    const int64_t* texel = texels.number.const_data_ptr<int64_t>();
    for (int64_t i = 0; i < total; ++i) {
      map.pixels[texel[i]] = open[i];
      coverage[texel[i]] = 1;
    }
  }
  kernels::push_pull(map, coverage, control.cancel);
  map.linear = false;  // plain numbers, which are rounded as they are
  ByteImage bytes = to_bytes(map);
  control.step(1);
  return bytes;
}

}  // namespace relievo
