#include "train/data/shapes.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace relievo {
namespace {

constexpr float kTurn = 2 * std::numbers::pi_v<float>;

float signed_power(float x, float exponent) { return std::copysign(std::pow(std::abs(x), exponent), x); }

/// Rings of `segments` places each, one above the other, closed at both ends by fans about their middles.
Surface from_rings(const std::vector<Float3>& places, int segments) {
  Surface surface{places, {}};
  const int rings = static_cast<int>(places.size()) / segments;
  for (int ring = 0; ring + 1 < rings; ++ring) {
    for (int i = 0; i < segments; ++i) {
      const int next = (i + 1) % segments, a = ring * segments + i, b = ring * segments + next;
      surface.faces.push_back({a, b, b + segments});
      surface.faces.push_back({a, b + segments, a + segments});
    }
  }
  for (const int ring : {0, rings - 1}) {
    Float3 middle{};
    for (int i = 0; i < segments; ++i) {
      for (size_t axis = 0; axis < 3; ++axis) {
        middle[axis] += places[static_cast<size_t>(ring * segments + i)][axis] / static_cast<float>(segments);
      }
    }
    // Vertices of their own, so that the rim stays sharp.
    const auto first = static_cast<int32_t>(surface.vertices.size());
    for (int i = 0; i < segments; ++i) {
      surface.vertices.push_back(places[static_cast<size_t>(ring * segments + i)]);
    }
    surface.vertices.push_back(middle);
    for (int i = 0; i < segments; ++i) {
      const int a = first + i, b = first + (i + 1) % segments, m = first + segments;
      surface.faces.push_back(ring == 0 ? Int3{b, a, m} : Int3{a, b, m});
    }
  }
  return surface;
}

}  // namespace

Float3 Transform::operator()(const Float3& p) const {
  Float3 result = offset;
  for (size_t i = 0; i < 3; ++i) result[i] += x[i] * p[0] + y[i] * p[1] + z[i] * p[2];
  return result;
}

Transform Transform::after(const Transform& first) const {
  const auto linear = [this](const Float3& v) { return minus((*this)(v), offset); };
  return {linear(first.x), linear(first.y), linear(first.z), (*this)(first.offset)};
}

Transform moved_to(const Float3& place) { return {.offset = place}; }
Transform stretched(const Float3& f) { return {{f[0], 0, 0}, {0, f[1], 0}, {0, 0, f[2]}, {}}; }
Transform turned(int axis, float angle) {
  const float c = std::cos(angle), s = std::sin(angle);
  if (axis == 0) return {{1, 0, 0}, {0, c, s}, {0, -s, c}, {}};
  if (axis == 1) return {{c, 0, -s}, {0, 1, 0}, {s, 0, c}, {}};
  return {{c, s, 0}, {-s, c, 0}, {0, 0, 1}, {}};
}

Surface box(const Float3& half) {
  Surface surface;
  for (int axis = 0; axis < 3; ++axis) {
    for (const float side : {-1.0f, 1.0f}) {
      const auto first = static_cast<int32_t>(surface.vertices.size());
      const int u = (axis + 1) % 3, v = (axis + 2) % 3;
      for (const auto& [a, b] : {std::pair{-1, -1}, {1, -1}, {1, 1}, {-1, 1}}) {
        Float3 p{};
        p[static_cast<size_t>(axis)] = side * half[static_cast<size_t>(axis)];
        p[static_cast<size_t>(u)] = static_cast<float>(a) * half[static_cast<size_t>(u)];
        p[static_cast<size_t>(v)] = static_cast<float>(b) * half[static_cast<size_t>(v)];
        surface.vertices.push_back(p);
      }
      if (side > 0) {
        surface.faces.push_back({first, first + 1, first + 2});
        surface.faces.push_back({first, first + 2, first + 3});
      } else {
        surface.faces.push_back({first, first + 2, first + 1});
        surface.faces.push_back({first, first + 3, first + 2});
      }
    }
  }
  return surface;
}

Surface superquadric(const Float3& half, float round_z, float round_xy) {
  constexpr int kSegments = 28, kRings = 15;
  std::vector<Float3> places;
  for (int ring = 0; ring < kRings; ++ring) {
    const float v = (static_cast<float>(ring) + 0.02f) / (kRings - 1 + 0.04f) * kTurn / 2 - kTurn / 4;
    const float radius = std::pow(std::cos(v), round_z);
    for (int i = 0; i < kSegments; ++i) {
      const float u = static_cast<float>(i) / kSegments * kTurn;
      places.push_back({half[0] * radius * signed_power(std::cos(u), round_xy),
                        half[1] * radius * signed_power(std::sin(u), round_xy),
                        half[2] * signed_power(std::sin(v), round_z)});
    }
  }
  return from_rings(places, kSegments);
}

Surface lathe(const std::vector<Float2>& profile, int segments) {
  std::vector<Float3> places;
  for (const Float2& p : profile) {
    for (int i = 0; i < segments; ++i) {
      const float u = static_cast<float>(i) / static_cast<float>(segments) * kTurn;
      places.push_back({p[0] * std::cos(u), p[0] * std::sin(u), p[1]});
    }
  }
  return from_rings(places, segments);
}

Surface extrusion(const std::vector<Float2>& outline, float height, float taper) {
  std::vector<Float3> places;
  for (const Float2& p : outline) places.push_back({p[0], p[1], -height / 2});
  for (const Float2& p : outline) places.push_back({taper * p[0], taper * p[1], height / 2});
  return from_rings(places, static_cast<int>(outline.size()));
}

Surface tube(const std::vector<Float3>& path, const std::vector<float>& radii, int segments) {
  std::vector<Float3> places;
  Float3 side{};
  for (size_t i = 0; i < path.size(); ++i) {
    const Float3 along = unit(minus(path[std::min(i + 1, path.size() - 1)], path[i == 0 ? 0 : i - 1]));
    // The side is carried along the path, so that the bar does not twist.
    if (i == 0) side = std::abs(along[2]) < 0.9f ? Float3{0, 0, 1} : Float3{1, 0, 0};
    side = unit(minus(side, scaled(along, dot(side, along))));
    const Float3 other = cross(along, side);
    for (int k = 0; k < segments; ++k) {
      const float u = static_cast<float>(k) / static_cast<float>(segments) * kTurn;
      Float3 p = path[i];
      for (size_t axis = 0; axis < 3; ++axis) {
        p[axis] += radii[i] * (std::cos(u) * side[axis] + std::sin(u) * other[axis]);
      }
      places.push_back(p);
    }
  }
  return from_rings(places, segments);
}

int ShapeBuilder::material(const Material& material) {
  object_.materials.push_back(material);
  return static_cast<int>(object_.materials.size()) - 1;
}

void ShapeBuilder::add(const Surface& part, const Transform& where, int material) {
  const auto first = static_cast<int32_t>(object_.surface.vertices.size());
  for (const Float3& p : part.vertices) object_.surface.vertices.push_back(where(p));
  for (const Int3& f : part.faces) {
    const Int3 face{first + f[0], first + f[1], first + f[2]};
    object_.surface.faces.push_back(where.is_mirrored() ? Int3{face[0], face[2], face[1]} : face);
    object_.face_material.push_back(material);
  }
}

void ShapeBuilder::add_mirrored(const Surface& part, const Transform& where, int material) {
  add(part, where, material);
  add(part, stretched({1, -1, 1}).after(where), material);
}

}  // namespace relievo
