// Surfaces and fields for the tests of texture/.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../expect_error.h"
#include "base/mesh.h"
#include "nn/field.h"
#include "texture/chart.h"

namespace relievo {

/// A closed surface: circles of latitude, the radius a function of the direction. The faces at the poles have
/// no area.
inline Surface star_shaped(int rings, const std::function<float(const Float3&)>& radius) {
  Surface surface;
  const int around = 2 * rings;
  for (int ring = 0; ring <= rings; ++ring) {
    for (int i = 0; i < around; ++i) {
      const float latitude =
          (static_cast<float>(ring) / static_cast<float>(rings) - 0.5f) * std::numbers::pi_v<float>;
      const float longitude =
          static_cast<float>(i) / static_cast<float>(around) * 2 * std::numbers::pi_v<float>;
      const Float3 d{std::cos(latitude) * std::cos(longitude), std::cos(latitude) * std::sin(longitude),
                     std::sin(latitude)};
      const bool is_pole = ring == 0 || ring == rings;
      const Float3 at = is_pole ? Float3{0, 0, ring == 0 ? -1.0f : 1.0f} : d;
      const float r = radius(at);
      surface.vertices.push_back({r * at[0], r * at[1], r * at[2]});
    }
  }
  for (int ring = 0; ring < rings; ++ring) {
    for (int i = 0; i < around; ++i) {
      const int a = ring * around + i, b = ring * around + (i + 1) % around, c = a + around, d = b + around;
      surface.faces.push_back({a, b, d});
      surface.faces.push_back({a, d, c});
    }
  }
  return surface;
}

inline Surface ball(float radius, int rings = 24) {
  return star_shaped(rings, [=](const Float3&) { return radius; });
}

inline Surface bumpy_ball(int rings) {
  return star_shaped(rings, [](const Float3& d) {
    return 0.6f + 0.1f * std::sin(7 * d[0]) * std::sin(6 * d[1] + 1) + 0.06f * std::sin(11 * d[2] + 2 * d[0]);
  });
}

/// A square of side 2 across the x axis at `x`, facing +X, `steps` squares a side.
inline Surface wall(int steps, float x = 0, float half = 1) {
  Surface surface;
  for (int row = 0; row <= steps; ++row) {
    for (int column = 0; column <= steps; ++column) {
      const auto at = [&](int i) {
        return half * (2 * static_cast<float>(i) / static_cast<float>(steps) - 1);
      };
      surface.vertices.push_back({x, at(column), at(row)});
    }
  }
  for (int row = 0; row < steps; ++row) {
    for (int column = 0; column < steps; ++column) {
      const int a = row * (steps + 1) + column, b = a + 1, c = a + steps + 1, d = c + 1;
      surface.faces.push_back({a, b, d});
      surface.faces.push_back({a, d, c});
    }
  }
  return surface;
}

inline void append(Surface& surface, const Surface& other) {
  const auto first = static_cast<int32_t>(surface.vertices.size());
  surface.vertices.insert(surface.vertices.end(), other.vertices.begin(), other.vertices.end());
  for (const Int3& face : other.faces)
    surface.faces.push_back({face[0] + first, face[1] + first, face[2] + first});
}

/// A field that only has colours.
class PaintedField : public Field {
 public:
  using Paint = std::function<at::Tensor(const at::Tensor&)>;
  explicit PaintedField(Paint paint) : paint_(std::move(paint)) {}

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }
  at::Tensor values(const at::Tensor& points) const override { return at::zeros({points.size(0)}); }
  at::Tensor colours(const at::Tensor& points) const override {
    largest_batch = std::max(largest_batch, points.size(0));
    asked += points.size(0);
    return paint_(points);
  }

  mutable int64_t largest_batch = 0;
  mutable int64_t asked = 0;

 private:
  Paint paint_;
};

inline PaintedField plain(float red, float green, float blue) {
  return PaintedField([=](const at::Tensor& p) {
    return at::tensor({red, green, blue}).expand({p.size(0), 3});
  });
}

/// Smooth waves of about `waves` to a box unit.
inline PaintedField waves(float waves) {
  return PaintedField([=](const at::Tensor& p) {
    const at::Tensor turned =
        at::stack({p.select(1, 0) + 0.4 * p.select(1, 1), p.select(1, 1) - 0.3 * p.select(1, 2),
                   p.select(1, 2) + 0.2 * p.select(1, 0)},
                  1);
    return 0.5 + 0.45 * (turned * (6.2832 * waves)).sin();
  });
}

}  // namespace relievo
