#include "texture/projection.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "base/parallel.h"
#include "base/vectors.h"
#include "kernels/bake.h"
#include "kernels/distance_transform.h"
#include "kernels/resample.h"
#include "kernels/tiles.h"
#include "nn/launch.h"
#include "texture/on_device.h"

namespace relievo {
namespace {

constexpr int kLargestDepthSide = 1024;
constexpr float kNothing = -1e30f;
// A share of the side: nearer than this to an outline, colours are not reliable.
constexpr float kFade = 0.012f;
// In box units: a larger step in depth between neighbouring pixels is an outline.
constexpr float kJump = 0.04f;
// Cosines of the angles at which a picture has no weight and at which it has its full weight.
constexpr float kGrazing = 0.2f, kFacing = 0.7f;
constexpr int64_t kGrain = 4096;

float smooth_step(float from, float to, float value) {
  const float t = std::clamp((value - from) / (to - from), 0.0f, 1.0f);
  return t * t * (3 - 2 * t);
}

}  // namespace

bool Projector::project(const float* point, float& x, float& y, float& near) const {
  const CameraVector& c = camera_.camera;
  if (!camera_.is_perspective) {
    x = c[14] + scale_ * (point[0] * c[0] + point[1] * c[4] + point[2] * c[8]);
    y = c[15] - scale_ * (point[0] * c[1] + point[1] * c[5] + point[2] * c[9]);
    near = point[0] * c[2] + point[1] * c[6] + point[2] * c[10];
    return true;
  }
  const float from[3] = {point[0] - c[3], point[1] - c[7], point[2] - c[11]};
  const float right = from[0] * c[0] + from[1] * c[4] + from[2] * c[8];
  const float up = from[0] * c[1] + from[1] * c[5] + from[2] * c[9];
  const float ahead = -(from[0] * c[2] + from[1] * c[6] + from[2] * c[10]);
  if (!(ahead > 1e-3f)) return false;
  x = c[14] + c[12] * right / ahead;
  y = c[15] - c[13] * up / ahead;
  near = 1 / ahead;
  return true;
}

Float3 Projector::towards_camera(const float* point) const {
  const CameraVector& c = camera_.camera;
  if (!camera_.is_perspective) return {c[2], c[6], c[10]};
  return unit({c[3] - point[0], c[7] - point[1], c[11] - point[2]});
}

Projector::Projector(const Surface& surface, Image picture, const PictureCamera& camera,
                     const Execution& execution)
    : picture_(std::move(picture)),
      camera_(camera),
      scale_(camera.camera[12] / std::hypot(camera.camera[3], camera.camera[7], camera.camera[11])),
      depth_side_(std::min(picture_.width, kLargestDepthSide)) {
  const auto faces = static_cast<int64_t>(surface.faces.size());
  const auto side = static_cast<float>(depth_side_);
  std::vector<float> corners(static_cast<size_t>(faces) * 6), near(static_cast<size_t>(faces) * 3);
  parallel_for(faces, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t f = first; f < last; ++f) {
      for (int corner = 0; corner < 3; ++corner) {
        float* at = &corners[6 * f + 2 * corner];
        const Float3& vertex = surface.vertices[surface.faces[f][corner]];
        // A face that reaches behind the camera is left out, because list_by_tile drops corners that are not
        // finite.
        if (!project(vertex.data(), at[0], at[1], near[3 * f + corner])) at[0] = at[1] = NAN;
        at[0] *= side;
        at[1] *= side;
      }
    }
  });
  execution.control.cancel.check();
  const kernels::Tiles tiles = kernels::list_by_tile(corners.data(), faces, depth_side_, depth_side_, 0);
  const int64_t pixels = static_cast<int64_t>(depth_side_) * depth_side_;
  const at::Device device = execution.device;
  const at::Tensor corners_there = on_device(corners.data(), faces * 6, at::kFloat, device);
  const at::Tensor near_there = on_device(near.data(), faces * 3, at::kFloat, device);
  const at::Tensor first =
      on_device(tiles.first.data(), static_cast<int64_t>(tiles.first.size()), at::kLong, device);
  const at::Tensor listed =
      on_device(tiles.faces.data(), static_cast<int64_t>(tiles.faces.size()), at::kInt, device);
  const at::Tensor nearest = at::empty({pixels}, at::TensorOptions().dtype(at::kFloat).device(device));
  const kernels::DepthRaster raster{
      .corners = corners_there.data_ptr<float>(),
      .near = near_there.data_ptr<float>(),
      .tiles = {first.data_ptr<int64_t>(), listed.data_ptr<int32_t>(), tiles.across},
      .width = depth_side_,
      .nearest = nearest.data_ptr<float>(),
      .none = kNothing};
  launch_on(device, RELIEVO_LAUNCHERS(find_depths), raster, depth_side_);
  const at::Tensor here = nearest.cpu();
  near_.assign(here.data_ptr<float>(), here.data_ptr<float>() + pixels);

  const auto depth = [&](float value) { return camera_.is_perspective ? 1 / value : -value; };
  std::vector<uint8_t> is_outline(static_cast<size_t>(pixels));
  for (int y = 0; y < depth_side_; ++y) {
    for (int x = 0; x < depth_side_; ++x) {
      const size_t i = static_cast<size_t>(y) * depth_side_ + x;
      bool outline = near_[i] == kNothing;
      if (!outline && picture_.channels == 4) {
        const int px =
            static_cast<int>((static_cast<float>(x) + 0.5f) / side * static_cast<float>(picture_.width));
        const int py =
            static_cast<int>((static_cast<float>(y) + 0.5f) / side * static_cast<float>(picture_.height));
        outline = picture_.pixel(px, py)[3] < 0.5f;
      }
      // A large step in depth to the next pixel is an outline: what is in front ends here.
      for (const size_t next : {x + 1 < depth_side_ ? i + 1 : i, y + 1 < depth_side_ ? i + depth_side_ : i}) {
        if (outline || near_[next] == kNothing) continue;
        if (std::abs(depth(near_[i]) - depth(near_[next])) > kJump) outline = true;
      }
      is_outline[i] = outline;
    }
  }
  certain_ = kernels::distance_transform(is_outline, depth_side_, depth_side_);
  const float fade = std::max(kFade * side, 1.5f);
  for (float& value : certain_) value = smooth_step(0, fade, value - 0.5f);
}

float Projector::weight(const float* point, const float* normal, float& x, float& y) const {
  const auto side = static_cast<float>(depth_side_);
  const Float3 to_camera = towards_camera(point);
  const float cosine = to_camera[0] * normal[0] + to_camera[1] * normal[1] + to_camera[2] * normal[2];
  const float weight = smooth_step(kGrazing, kFacing, cosine);
  float near = 0;
  if (weight <= 0 || !project(point, x, y, near)) return 0;
  if (!(x > 0 && y > 0 && x < 1 && y < 1)) return 0;
  const size_t pixel = static_cast<size_t>(y * side) * depth_side_ + static_cast<size_t>(x * side);
  if (near_[pixel] == kNothing) return 0;
  // A pixel's depth is measured at its centre; within the pixel the surface may rise by its slope.
  const float depth = camera_.is_perspective ? 1 / near : -near;
  const float front = camera_.is_perspective ? 1 / near_[pixel] : -near_[pixel];
  const float width = camera_.is_perspective ? depth / (camera_.camera[12] * side) : 1 / (scale_ * side);
  const float slope = std::sqrt(std::max(1 - cosine * cosine, 0.0f)) / cosine;
  if (depth > front + width * (1 + 1.5f * slope)) return 0;
  return weight * certain_[pixel];
}

void Projector::add(const float* points, const float* normals, int64_t count, float* sums, float* weights,
                    float* best) const {
  parallel_for(count, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      float x = 0, y = 0;
      const float weight = this->weight(points + 3 * i, normals + 3 * i, x, y);
      if (weight <= 0) continue;
      float colour[4];
      kernels::sample_bilinear(picture_, x * static_cast<float>(picture_.width),
                               y * static_cast<float>(picture_.height), colour);
      const float squared = weight * weight;
      for (int c = 0; c < 3; ++c) sums[3 * i + c] += squared * colour[c];
      weights[i] += squared;
      best[i] = std::max(best[i], weight);
    }
  });
}

}  // namespace relievo
