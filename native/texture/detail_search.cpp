#include "texture/detail_search.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "base/vectors.h"
#include "kernels/mesh_tree.h"
#include "nn/launch.h"
#include "texture/on_device.h"

namespace relievo {
namespace {

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

}  // namespace

DetailFinder::DetailFinder(const Surface& detail, const std::vector<Float3>& normals, float reach,
                           at::Device device)
    : device_(device) {
  const auto vertices = static_cast<int64_t>(detail.vertices.size());
  const auto faces = static_cast<int64_t>(detail.faces.size());
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
  reach_ = reach * diagonal_of(detail);
  has_faces_ = faces > 0;
}

FoundDetail DetailFinder::at_points(const at::Tensor& points, const at::Tensor& directions,
                                    const CancelToken& cancel) const {
  const int64_t total = points.size(0);
  const auto options = at::TensorOptions().device(points.device());
  FoundDetail result{.normals = at::empty_like(points),
                     .face = at::empty({total}, options.dtype(at::kInt)),
                     .weights = at::empty({total, 2}, options.dtype(at::kFloat))};
  if (!has_faces_) {
    result.normals = directions;
    result.face.fill_(-1);
    result.weights.zero_();
    return result;
  }
  for (int64_t first = 0; first < total; first += kChunk) {
    cancel.check();
    const int64_t count = std::min(kChunk, total - first);
    const kernels::DetailSearch search{
        .nodes = reinterpret_cast<const kernels::TreeNode*>(nodes_.data_ptr<uint8_t>()),
        .order = reinterpret_cast<const int32_t*>(order_.data_ptr<uint8_t>()),
        .faces = reinterpret_cast<const int32_t*>(faces_.data_ptr<uint8_t>()),
        .vertices = reinterpret_cast<const float*>(vertices_.data_ptr<uint8_t>()),
        .normals = reinterpret_cast<const float*>(normals_.data_ptr<uint8_t>()),
        .points = points.data_ptr<float>() + 3 * first,
        .directions = directions.data_ptr<float>() + 3 * first,
        .reach = reach_,
        .result = result.normals.data_ptr<float>() + 3 * first,
        .found = result.face.data_ptr<int32_t>() + first,
        .weights = result.weights.data_ptr<float>() + 2 * first};
    launch_on(device_, RELIEVO_LAUNCHERS(find_detail), search, count);
  }
  return result;
}

}  // namespace relievo
