// Soft shapes in the plane as the pictures of sides, and what a field shows of itself.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>

#include <ATen/ATen.h>

#include "base/side.h"
#include "nn/field.h"

namespace relievo {

/// A function of the picture's (right, up) in -1..1 that is positive inside, in box units.
using Silhouette = std::function<float(float, float)>;

inline Silhouette disc(float radius, float right = 0, float up = 0) {
  return [=](float x, float y) { return radius - std::hypot(x - right, y - up); };
}
inline Silhouette rectangle(float left, float right, float bottom, float top) {
  return [=](float x, float y) { return std::min({x - left, right - x, y - bottom, top - y}); };
}
inline Silhouette either(const Silhouette& a, const Silhouette& b) {
  return [=](float x, float y) { return std::max(a(x, y), b(x, y)); };
}
inline Silhouette without(const Silhouette& a, const Silhouette& b) {
  return [=](float x, float y) { return std::min(a(x, y), -b(x, y)); };
}

/// The shape as an antialiased subject of one colour.
inline SidePicture seen(Side side, const Silhouette& shape, int pixels = 512) {
  SidePicture made{side, Image(pixels, pixels, 4, 0.5f)};
  const float pixel = 2.0f / static_cast<float>(pixels);
  for (int y = 0; y < pixels; ++y) {
    for (int x = 0; x < pixels; ++x) {
      const float right = -1 + (static_cast<float>(x) + 0.5f) * pixel;
      const float up = 1 - (static_cast<float>(y) + 0.5f) * pixel;
      made.picture.pixel(x, y)[3] = std::clamp(shape(right, up) / pixel + 0.5f, 0.0f, 1.0f);
    }
  }
  return made;
}

inline float value_at(const Field& field, float x, float y, float z) {
  return field.values(at::tensor({x, y, z}).view({1, 3})).item<float>();
}

/// Intersection over union of a picture's mask and the outline that the field shows to that side. A grid of
/// 128 cubes a side is what the field is meshed on; between its nodes, what is inside is told by a straight
/// line, as meshing does.
inline double outline_overlap(const Field& field, const SidePicture& seen_side) {
  constexpr int64_t kNodes = 129;
  const at::Tensor line = at::linspace(-1, 1, kNodes);
  const auto grid = at::meshgrid({line, line, line}, "ij");  // x, y, z
  const at::Tensor values = field.values(at::stack(grid, -1).view({-1, 3})).view({kNodes, kNodes, kNodes});
  const int64_t along = seen_side.side == Side::kTop                                      ? 2
                        : seen_side.side == Side::kFront || seen_side.side == Side::kBack ? 0
                                                                                          : 1;
  at::Tensor least = std::get<0>(values.min(along));  // the other two axes, in order; from above, +x is down
  if (along != 2) {
    least = least.transpose(0, 1).flip({0});  // rows run down
    if (seen_side.side == Side::kRight || seen_side.side == Side::kBack) least = least.flip({1});
  }
  const int64_t pixels = seen_side.picture.width;
  // Nodes reach from border to border of the picture.
  const at::Tensor drawn = at::upsample_bilinear2d(least.view({1, 1, kNodes, kNodes}), {pixels, pixels}, true)
                               .view({pixels, pixels}) < 0;
  const at::Tensor mask =
      at::from_blob(const_cast<float*>(seen_side.picture.pixels.data()), {pixels, pixels, 4}).select(2, 3) >
      0.5;
  return (drawn & mask).sum().item<double>() / (drawn | mask).sum().item<double>();
}

}  // namespace relievo
