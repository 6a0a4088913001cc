#include "surface/shape_loss.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "surface/surface.h"

namespace relievo {
namespace {

constexpr int kSide = 256;
using Outline = std::vector<bool>;  // [kSide, kSide]

/// The square in which a surface is seen along an axis.
struct Frame {
  size_t across = 0, up = 0;  // axes
  float left = 0, bottom = 0, scale = 0;

  Frame(const Surface& surface, size_t axis) : across((axis + 1) % 3), up((axis + 2) % 3) {
    const auto range = [&](size_t along) {
      const auto [low, high] =
          std::minmax_element(surface.vertices.begin(), surface.vertices.end(),
                              [&](const Float3& a, const Float3& b) { return a[along] < b[along]; });
      return std::array{(*low)[along], (*high)[along]};
    };
    const auto x = range(across), y = range(up);
    left = x[0];
    bottom = y[0];
    scale = static_cast<float>(kSide) / std::max({x[1] - x[0], y[1] - y[0], 1e-12f});
  }
  Float2 operator()(const Float3& point) const {
    return {(point[across] - left) * scale, (point[up] - bottom) * scale};
  }
};

/// The pixels whose centre lies under a face.
Outline outline_of(const Surface& surface, const Frame& frame) {
  Outline outline(static_cast<size_t>(kSide) * kSide, false);
  for (const Int3& face : surface.faces) {
    const std::array<Float2, 3> at{frame(surface.vertices[face[0]]), frame(surface.vertices[face[1]]),
                                   frame(surface.vertices[face[2]])};
    const auto pixels = [&](size_t axis) {
      const auto [low, high] = std::minmax({at[0][axis], at[1][axis], at[2][axis]});
      return std::array{std::max(static_cast<int>(std::floor(low)), 0),
                        std::min(static_cast<int>(std::ceil(high)), kSide - 1)};
    };
    const auto columns = pixels(0), rows = pixels(1);
    for (int row = rows[0]; row <= rows[1]; ++row) {
      for (int column = columns[0]; column <= columns[1]; ++column) {
        const Float2 middle{static_cast<float>(column) + 0.5f, static_cast<float>(row) + 0.5f};
        int left = 0, right = 0;
        for (size_t k = 0; k < 3; ++k) {
          const Float2 &a = at[k], &b = at[(k + 1) % 3];
          const float side = (b[0] - a[0]) * (middle[1] - a[1]) - (b[1] - a[1]) * (middle[0] - a[0]);
          left += side >= 0 ? 1 : 0;
          right += side <= 0 ? 1 : 0;
        }
        if (left == 3 || right == 3) outline[static_cast<size_t>(row) * kSide + column] = true;
      }
    }
  }
  return outline;
}

double lost_outline(const Surface& before, const Surface& after, size_t axis) {
  const Frame frame(before, axis);
  const Outline was = outline_of(before, frame), is = outline_of(after, frame);
  int whole = 0, lost = 0;
  for (size_t i = 0; i < was.size(); ++i) {
    whole += was[i] ? 1 : 0;
    lost += was[i] && !is[i] ? 1 : 0;
  }
  return whole > 0 ? static_cast<double>(lost) / whole : 0;
}

}  // namespace

ShapeLoss shape_loss(const Surface& before, const Surface& after) {
  const SurfaceReport was = inspect_surface(before), is = inspect_surface(after);
  ShapeLoss loss{.components_before = was.components, .components_after = is.components};
  if (was.volume > 0) loss.volume = std::clamp(1 - is.volume / was.volume, 0.0, 1.0);
  for (size_t axis = 0; axis < 3; ++axis) {
    loss.outline = std::max(loss.outline, lost_outline(before, after, axis));
  }
  return loss;
}

}  // namespace relievo
