#include "texture/normal_map.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "base/parallel.h"
#include "base/vertex_normals.h"
#include "kernels/push_pull.h"
#include "texture/detail_search.h"
#include "texture/tangent_space.h"
#include "texture/texels.h"

namespace relievo {
namespace {

constexpr float kReach = 0.02f;  // share of the detail's diagonal
constexpr int64_t kGrain = 4096;

}  // namespace

ByteImage bake_normal_map(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                          const Surface& detail, int size, const Execution& execution) {
  const Control& control = execution.control;
  control.step(0);
  const std::vector<Float3> normals = vertex_normals(surface);
  const TangentSpace tangent_space(surface, corner_uv, normals);
  const DetailFinder search(detail, vertex_normals(detail), kReach, execution.device);
  control.step(0.1);

  Image map(size, size, 3);
  std::vector<float> coverage(static_cast<size_t>(size) * size, 0);
  const TexelReader reader(surface, corner_uv, normals, size, execution);
  for (int band = 0; band < reader.bands(); ++band) {
    const Texels texels = reader.band(band);
    const at::Tensor found = search.at_points(texels.positions, texels.normals, control.cancel).normals.cpu();
    const at::Tensor number = texels.number.cpu(), face = texels.face.cpu(), weights = texels.weights.cpu();
    const float* wanted = found.data_ptr<float>();
    const int64_t* texel = number.data_ptr<int64_t>();
    const int32_t* of_face = face.data_ptr<int32_t>();
    const float* weight = weights.data_ptr<float>();
    parallel_for(found.size(0), kGrain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const Float3 local = tangent_space.to_local(of_face[i], weight[2 * i], weight[2 * i + 1],
                                                    {wanted[3 * i], wanted[3 * i + 1], wanted[3 * i + 2]});
        std::copy_n(local.data(), 3, &map.pixels[3 * texel[i]]);
        coverage[texel[i]] = 1;
      }
    });
    control.step(0.1 + 0.7 * (band + 1) / reader.bands());
  }
  kernels::push_pull(map, coverage, control.cancel);
  ByteImage bytes = normal_map_of(map, control.cancel);
  control.step(1);
  return bytes;
}

}  // namespace relievo
