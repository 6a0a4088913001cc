#include "texture/tangent_space.h"

#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "base/vectors.h"

namespace relievo {

TangentSpace::TangentSpace(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                           const std::vector<Float3>& normals)
    : surface_(surface), normals_(normals), tangents_(corner_tangents(surface, corner_uv, normals)) {}

TangentSpace::Frame TangentSpace::frame_at(int32_t face, float w1, float w2) const {
  const Int3& f = surface_.faces[face];
  const auto& t = tangents_[face];
  const Float3 normal = mixed(normals_[f[0]], normals_[f[1]], normals_[f[2]], w1, w2);
  const Tangent mean = mixed(t[0], t[1], t[2], w1, w2);
  const Float3 tangent{mean[0], mean[1], mean[2]};
  return {tangent, scaled(cross(normal, tangent), mean[3] < 0 ? -1.0f : 1.0f), normal};
}

Float3 TangentSpace::to_local(int32_t face, float w1, float w2, const Float3& wanted) const {
  // wanted = x tangent + y bitangent + z normal, solved for (x, y, z).
  const auto [tangent, bitangent, normal] = frame_at(face, w1, w2);
  const Float3 across = cross(bitangent, normal);
  const float volume = dot(tangent, across);
  if (std::abs(volume) < 1e-6f) return {0, 0, 1};
  const Float3 local{dot(wanted, across) / volume, dot(wanted, cross(normal, tangent)) / volume,
                     dot(wanted, cross(tangent, bitangent)) / volume};
  const Float3 result = unit(local);
  return length(result) > 0 ? result : Float3{0, 0, 1};
}

Float3 TangentSpace::to_world(int32_t face, float w1, float w2, const Float3& local) const {
  const auto [tangent, bitangent, normal] = frame_at(face, w1, w2);
  Float3 sum{};
  for (size_t axis = 0; axis < 3; ++axis) {
    sum[axis] = local[0] * tangent[axis] + local[1] * bitangent[axis] + local[2] * normal[axis];
  }
  const Float3 result = unit(sum);
  return length(result) > 0 ? result : unit(normal);
}

ByteImage normal_map_of(const Image& normals, const CancelToken& cancel) {
  ByteImage bytes(normals.width, normals.height, 3);
  parallel_for(normals.height, 32, [&](int64_t first, int64_t last) {
    cancel.check();
    for (int64_t i = first * normals.width; i < last * normals.width; ++i) {
      Float3 n = unit({normals.pixels[3 * i], normals.pixels[3 * i + 1], normals.pixels[3 * i + 2]});
      if (length(n) == 0) n = {0, 0, 1};
      for (int c = 0; c < 3; ++c) {
        bytes.pixels[3 * i + c] =
            static_cast<uint8_t>(std::lround(std::clamp(n[c] * 0.5f + 0.5f, 0.0f, 1.0f) * 255));
      }
    }
  });
  return bytes;
}

}  // namespace relievo
