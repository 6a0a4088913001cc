// Places cameras, and makes the background behind the mesh.
#include <algorithm>
#include <cmath>
#include <limits>

#include "render/render.h"

namespace relievo {

std::vector<View> framed_views(const Surface& surface, const std::vector<Angle>& angles, int side,
                               double margin, double fov_degrees) {
  constexpr double kFrontAzimuth = -90;  // the front (-Y), as an azimuth of on_sphere
  constexpr double kHighest = std::numeric_limits<double>::max();
  Vector3 low{kHighest, kHighest, kHighest}, high{-kHighest, -kHighest, -kHighest};
  for (const Float3& v : surface.vertices) {
    for (int axis = 0; axis < 3; ++axis) {
      low[axis] = std::min(low[axis], double{v[axis]});
      high[axis] = std::max(high[axis], double{v[axis]});
    }
  }
  Vector3 centre{};
  if (!surface.vertices.empty()) {
    for (int axis = 0; axis < 3; ++axis) centre[axis] = (low[axis] + high[axis]) / 2;
  }

  std::vector<Matrix4> poses;
  const double reach =
      0.5 / focal_length(fov_degrees) * (1 - 2 * margin);  // share of the half side, at depth 1
  double distance = 1e-3;
  for (const Angle& angle : angles) {
    // With the mesh turned into camera axes about its centre, a point (x, y, z) is inside the picture when
    // max(|x|, |y|) <= reach * (distance - z).
    const Matrix4 pose =
        look_at(on_sphere(kFrontAzimuth + angle.azimuth_degrees, angle.elevation_degrees, 1));
    poses.push_back(pose);
    for (const Float3& v : surface.vertices) {
      Vector3 turned{};
      for (int axis = 0; axis < 3; ++axis) {
        for (int row = 0; row < 3; ++row) turned[axis] += pose[row * 4 + axis] * (v[row] - centre[row]);
      }
      distance = std::max(distance, std::max(std::abs(turned[0]), std::abs(turned[1])) / reach + turned[2]);
    }
  }
  std::vector<View> views;
  for (Matrix4 pose : poses) {
    for (int row = 0; row < 3; ++row) pose[row * 4 + 3] = centre[row] + pose[row * 4 + 2] * distance;
    views.push_back({pose, fov_degrees, side, side});
  }
  return views;
}

ByteImage on_background(const Layers& layers, const Mask& shadow) {
  // Linear light from the top to the bottom of the picture, as on a studio's paper roll.
  constexpr Float3 kTop{0.80f, 0.81f, 0.82f}, kBottom{0.66f, 0.66f, 0.665f};
  constexpr float kShadowDepth = 0.6f;
  const Image& colour = layers.colour;
  ByteImage out(colour.width, colour.height, 3);
  for (int y = 0; y < colour.height; ++y) {
    const float down = (static_cast<float>(y) + 0.5f) / static_cast<float>(colour.height);
    for (int x = 0; x < colour.width; ++x) {
      const float* pixel = colour.pixel(x, y);
      const float dim = shadow.values.empty() ? 1.0f : 1 - kShadowDepth * shadow.at(x, y);
      for (int c = 0; c < 3; ++c) {
        const float behind = (kTop[c] + (kBottom[c] - kTop[c]) * down) * dim;
        const float light = pixel[c] * pixel[3] + behind * (1 - pixel[3]);
        out.pixel(x, y)[c] =
            static_cast<uint8_t>(std::lround(std::min(srgb_from_linear(light), 1.0f) * 255.0f));
      }
    }
  }
  return out;
}

ByteImage on_nothing(const Layers& layers) { return to_bytes(layers.colour); }

}  // namespace relievo
