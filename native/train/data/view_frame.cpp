#include "train/data/view_frame.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/error.h"
#include "base/vectors.h"

namespace relievo {
namespace {

constexpr float kDegree = std::numbers::pi_v<float> / 180;
/// The box is -1..1, and a margin is kept from its ends.
constexpr float kMostDepth = 1.9f;

}  // namespace

ViewFrame::ViewFrame(float azimuth, float elevation, float fov, float distance)
    : elevation_(elevation), fov_(fov), distance_(distance) {
  const float ce = std::cos(elevation), se = std::sin(elevation), ca = std::cos(azimuth),
              sa = std::sin(azimuth);
  axes_ = {Float3{ce * ca, ce * sa, se}, Float3{-sa, ca, 0}, Float3{-se * ca, -se * sa, ce}};
}

ViewFrame ViewFrame::whole_picture(float azimuth, float elevation, float fov, float distance) {
  ViewFrame frame(azimuth, elevation, fov, distance);
  frame.scale_ = 1 / (distance * std::tan(fov / 2));
  return frame;
}

ViewFrame::ViewFrame(const Surface& surface, float azimuth, float elevation, float fov, float distance)
    : ViewFrame(azimuth, elevation, fov, distance) {
  Float3 low{}, high{};
  low.fill(std::numeric_limits<float>::max());
  high.fill(std::numeric_limits<float>::lowest());
  for (const Float3& vertex : surface.vertices) {
    if (distance_ - in_view(vertex)[0] < 0.05f * distance_) {
      throw Error(ErrorCode::kInvalidSettings, "The camera is inside the object.", "Move it further away.");
    }
    const Float3 p = straightened(vertex);
    for (size_t axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], p[axis]);
      high[axis] = std::max(high[axis], p[axis]);
    }
  }
  scale_ = kSubjectSide / std::max(high[1] - low[1], high[2] - low[2]);
  depth_ = scale_ * (high[0] - low[0]);
  for (size_t axis = 0; axis < 3; ++axis) centre_[axis] = (low[axis] + high[axis]) / 2;
}

ViewFrame ViewFrame::draw(const Surface& surface, Random& random) {
  constexpr int kTries = 24;
  for (int i = 0; i < kTries; ++i) {
    const float azimuth = random.between(-180, 180) * kDegree, elevation = random.between(-10, 50) * kDegree;
    const float fov = random.between(15, 50) * kDegree;
    const float distance = 0.5f / (random.between(0.5f, 0.95f) * std::tan(fov / 2));
    // The longest side is 1, so that no vertex is farther away than half the diagonal.
    if (distance < 0.95f) continue;
    const ViewFrame frame(surface, azimuth, elevation, fov, distance);
    if (frame.depth_ <= kMostDepth) return frame;
  }
  throw Error(ErrorCode::kInvalidSettings, "The object is too long to be seen from its side.",
              "Leave it out, or cut it into parts.");
}

Float3 ViewFrame::in_view(const Float3& p) const {
  return {dot(axes_[0], p), dot(axes_[1], p), dot(axes_[2], p)};
}

float ViewFrame::stretch_at(const Float3& p) const { return distance_ / (distance_ - dot(axes_[0], p)); }

Float3 ViewFrame::straightened(const Float3& p) const { return scaled(in_view(p), stretch_at(p)); }

Float3 ViewFrame::to_box(const Float3& p) const { return scaled(minus(straightened(p), centre_), scale_); }

Float3 ViewFrame::from_box(const Float3& p) const {
  Float3 view{};
  for (size_t axis = 0; axis < 3; ++axis) view[axis] = p[axis] / scale_ + centre_[axis];
  view = scaled(view, distance_ / (distance_ + view[0]));
  Float3 result{};
  for (size_t axis = 0; axis < 3; ++axis) {
    result[axis] = view[0] * axes_[0][axis] + view[1] * axes_[1][axis] + view[2] * axes_[2][axis];
  }
  return result;
}

Surface ViewFrame::to_box(const Surface& surface) const {
  Surface moved{std::vector<Float3>(surface.vertices.size()), surface.faces};
  std::ranges::transform(surface.vertices, moved.vertices.begin(),
                         [this](const Float3& vertex) { return to_box(vertex); });
  return moved;
}

ViewFrame::PixelRay ViewFrame::pixel_ray(float y, float z) const {
  const float right = y / scale_ + centre_[1], up = z / scale_ + centre_[2];
  PixelRay ray{scaled(axes_[0], distance_), {}};
  for (size_t axis = 0; axis < 3; ++axis) {
    ray.direction[axis] = -distance_ * axes_[0][axis] + right * axes_[1][axis] + up * axes_[2][axis];
  }
  ray.direction = unit(ray.direction);
  return ray;
}

}  // namespace relievo
