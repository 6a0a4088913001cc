#include "texture/normal_map.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "base/parallel.h"
#include "base/vectors.h"
#include "base/vertex_normals.h"
#include "kernels/mesh_tree.h"
#include "kernels/push_pull.h"
#include "nn/launch.h"
#include "texture/on_device.h"
#include "texture/tangents.h"
#include "texture/texels.h"

namespace relievo {
namespace {

constexpr float kReach = 0.02f;  // share of the detail's diagonal
constexpr int64_t kGrain = 4096;
// The cancel token is checked after this many points.
constexpr int64_t kChunk = 65536;

float diagonal_of(const Surface& surface) {
  Float3 low{1e30f, 1e30f, 1e30f}, high{-1e30f, -1e30f, -1e30f};
  for (const Float3& v : surface.vertices) {
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], v[axis]);
      high[axis] = std::max(high[axis], v[axis]);
    }
  }
  return surface.vertices.empty() ? 0 : length(minus(high, low));
}

/// Finds the detailed surface's normals at points.
class DetailNormals {
 public:
  DetailNormals(const Surface& detail, at::Device device) : device_(device) {
    const auto vertices = static_cast<int64_t>(detail.vertices.size());
    const auto faces = static_cast<int64_t>(detail.faces.size());
    const std::vector<Float3> normals = vertex_normals(detail);
    const kernels::MeshTree tree =
        kernels::build_tree(detail.vertices.data()->data(), detail.faces.data()->data(), faces);
    const auto keep = [&](const void* values, int64_t bytes) {
      return on_device(static_cast<const uint8_t*>(values), bytes, at::kByte, at::kCPU).clone().to(device);
    };
    nodes_ = keep(tree.nodes.data(), static_cast<int64_t>(tree.nodes.size() * sizeof(kernels::TreeNode)));
    order_ = keep(tree.order.data(), static_cast<int64_t>(tree.order.size() * sizeof(int32_t)));
    faces_ = keep(detail.faces.data(), faces * 3 * static_cast<int64_t>(sizeof(int32_t)));
    vertices_ = keep(detail.vertices.data(), vertices * 3 * static_cast<int64_t>(sizeof(float)));
    normals_ = keep(normals.data(), vertices * 3 * static_cast<int64_t>(sizeof(float)));
    reach_ = kReach * diagonal_of(detail);
    has_faces_ = faces > 0;
  }

  /// Computes `[N, 3]` normals at points `[N, 3]` with the simplified surface's unit normals `[N, 3]`.
  at::Tensor at_points(const at::Tensor& points, const at::Tensor& directions,
                       const CancelToken& cancel) const {
    if (!has_faces_) return directions;
    at::Tensor result = at::empty_like(points);
    for (int64_t first = 0; first < points.size(0); first += kChunk) {
      cancel.check();
      const int64_t count = std::min(kChunk, points.size(0) - first);
      const kernels::DetailSearch search{
          .nodes = reinterpret_cast<const kernels::TreeNode*>(nodes_.data_ptr<uint8_t>()),
          .order = reinterpret_cast<const int32_t*>(order_.data_ptr<uint8_t>()),
          .faces = reinterpret_cast<const int32_t*>(faces_.data_ptr<uint8_t>()),
          .vertices = reinterpret_cast<const float*>(vertices_.data_ptr<uint8_t>()),
          .normals = reinterpret_cast<const float*>(normals_.data_ptr<uint8_t>()),
          .points = points.data_ptr<float>() + 3 * first,
          .directions = directions.data_ptr<float>() + 3 * first,
          .reach = reach_,
          .result = result.data_ptr<float>() + 3 * first};
      launch_on(device_, RELIEVO_LAUNCHERS(find_detail), search, count);
    }
    return result;
  }

 private:
  at::Device device_;
  at::Tensor nodes_, order_, faces_, vertices_, normals_;
  float reach_ = 0;
  bool has_faces_ = false;
};

/// The vector that a renderer must read to get `wanted`: wanted = x tangent + y bitangent + z normal, where
/// tangent and normal are interpolated and not of length 1, solved for (x, y, z) of length 1.
Float3 in_tangent_space(const Float3& wanted, const Float3& tangent, const Float3& bitangent,
                        const Float3& normal) {
  const Float3 across = cross(bitangent, normal);
  const float volume = dot(tangent, across);
  if (std::abs(volume) < 1e-6f) return {0, 0, 1};
  const Float3 local{dot(wanted, across) / volume, dot(wanted, cross(normal, tangent)) / volume,
                     dot(wanted, cross(tangent, bitangent)) / volume};
  const Float3 result = unit(local);
  return length(result) > 0 ? result : Float3{0, 0, 1};
}

template <size_t N>
std::array<float, N> mixed(const std::array<float, N>& a, const std::array<float, N>& b,
                           const std::array<float, N>& c, float w1, float w2) {
  std::array<float, N> result;
  for (size_t i = 0; i < N; ++i) result[i] = (1 - w1 - w2) * a[i] + w1 * b[i] + w2 * c[i];
  return result;
}

ByteImage encoded(const Image& normals, const CancelToken& cancel) {
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

}  // namespace

ByteImage bake_normal_map(const Surface& surface, const std::vector<std::array<Float2, 3>>& corner_uv,
                          const Surface& detail, int size, const Execution& execution) {
  const Control& control = execution.control;
  control.step(0);
  const std::vector<Float3> normals = vertex_normals(surface);
  const std::vector<std::array<Tangent, 3>> tangents = corner_tangents(surface, corner_uv, normals);
  const DetailNormals search(detail, execution.device);
  control.step(0.1);

  Image map(size, size, 3);
  std::vector<float> coverage(static_cast<size_t>(size) * size, 0);
  const TexelReader reader(surface, corner_uv, normals, size, execution);
  for (int band = 0; band < reader.bands(); ++band) {
    const Texels texels = reader.band(band);
    const at::Tensor found = search.at_points(texels.positions, texels.normals, control.cancel).cpu();
    const at::Tensor number = texels.number.cpu(), face = texels.face.cpu(), weights = texels.weights.cpu();
    const float* wanted = found.data_ptr<float>();
    const int64_t* texel = number.data_ptr<int64_t>();
    const int32_t* of_face = face.data_ptr<int32_t>();
    const float* weight = weights.data_ptr<float>();
    parallel_for(found.size(0), kGrain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const Int3& f = surface.faces[of_face[i]];
        const auto& t = tangents[of_face[i]];
        const float w1 = weight[2 * i], w2 = weight[2 * i + 1];
        const Float3 normal = mixed(normals[f[0]], normals[f[1]], normals[f[2]], w1, w2);
        const Tangent mean = mixed(t[0], t[1], t[2], w1, w2);
        const Float3 tangent{mean[0], mean[1], mean[2]};
        const Float3 bitangent = scaled(cross(normal, tangent), mean[3] < 0 ? -1.0f : 1.0f);
        const Float3 local = in_tangent_space({wanted[3 * i], wanted[3 * i + 1], wanted[3 * i + 2]}, tangent,
                                              bitangent, normal);
        std::copy_n(local.data(), 3, &map.pixels[3 * texel[i]]);
        coverage[texel[i]] = 1;
      }
    });
    control.step(0.1 + 0.7 * (band + 1) / reader.bands());
  }
  kernels::push_pull(map, coverage, control.cancel);
  ByteImage bytes = encoded(map, control.cancel);
  control.step(1);
  return bytes;
}

}  // namespace relievo
