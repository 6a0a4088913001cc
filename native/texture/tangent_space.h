// Turns normals into the tangent space of a surface and back, as renderers read normal maps.
#pragma once

#include <array>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "base/mesh.h"
#include "texture/tangents.h"

namespace relievo {

/// A value of a triangle's corners, interpolated by the weights of the second and the third.
template <size_t N>
std::array<float, N> mixed(const std::array<float, N>& a, const std::array<float, N>& b,
                           const std::array<float, N>& c, float w1, float w2) {
  std::array<float, N> result;
  for (size_t i = 0; i < N; ++i) result[i] = (1 - w1 - w2) * a[i] + w1 * b[i] + w2 * c[i];
  return result;
}

/// The tangent space at each point of a surface with UVs: tangents as MikkTSpace has them (tangents.h), which
/// like the vertices' normals are interpolated and not made unit.
class TangentSpace {
 public:
  /// Refers to all three, which must outlive it.
  TangentSpace(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
               const std::vector<Float3>& normals);

  /// Returns the vector of length 1 that a renderer must read to get the direction `wanted`, at the place of
  /// a face with the weights of its second and third corner.
  Float3 to_local(int32_t face, float w1, float w2, const Float3& wanted) const;

  /// Returns the direction, of length 1, that a renderer makes of what it reads.
  Float3 to_world(int32_t face, float w1, float w2, const Float3& local) const;

 private:
  struct Frame {
    Float3 tangent, bitangent, normal;
  };
  Frame frame_at(int32_t face, float w1, float w2) const;

  const Surface& surface_;
  const std::vector<Float3>& normals_;
  std::vector<std::array<Tangent, 3>> tangents_;
};

/// Normals -1..1 of any length as the bytes of a normal map; (0, 0, 1) where there is no direction.
ByteImage normal_map_of(const Image& normals, const CancelToken& cancel);

}  // namespace relievo
