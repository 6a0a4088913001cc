#include "render/shading.h"

#include <algorithm>
#include <cmath>

namespace relievo::render {
namespace {

using Weights = const double (&)[3];

double dot(const Float3& a, const Float3& b) {
  return double{a[0]} * b[0] + double{a[1]} * b[1] + double{a[2]} * b[2];
}

Float3 scaled(const Float3& v, double factor) {
  return {static_cast<float>(v[0] * factor), static_cast<float>(v[1] * factor),
          static_cast<float>(v[2] * factor)};
}

Float3 minus(const Float3& a, const Float3& b) { return {a[0] - b[0], a[1] - b[1], a[2] - b[2]}; }

Float3 plus(const Float3& a, const Float3& b) { return {a[0] + b[0], a[1] + b[1], a[2] + b[2]}; }

Float3 cross(const Float3& a, const Float3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

/// `v` normalised, or `otherwise` where it has no length.
Float3 unit(const Float3& v, const Float3& otherwise) {
  const double length = std::sqrt(dot(v, v));
  return length > 1e-20 ? scaled(v, 1 / length) : otherwise;
}

template <size_t N>
std::array<double, N> mean_of(const std::array<float, N>& a, const std::array<float, N>& b,
                              const std::array<float, N>& c, Weights weights) {
  std::array<double, N> mean;
  for (size_t i = 0; i < N; ++i) mean[i] = weights[0] * a[i] + weights[1] * b[i] + weights[2] * c[i];
  return mean;
}

Float3 to_float(const std::array<double, 3>& v) {
  return {static_cast<float>(v[0]), static_cast<float>(v[1]), static_cast<float>(v[2])};
}

/// Turns a direction of the normal map, which is given along the UVs, into the scene.
Float3 bent_normal(const Float3& normal, const std::array<float, 3>& direction,
                   const std::array<Float3, 3>& corners, const std::array<Float2, 3>& uv) {
  const Float3 side1 = minus(corners[1], corners[0]), side2 = minus(corners[2], corners[0]);
  const double u1 = uv[1][0] - uv[0][0], v1 = uv[1][1] - uv[0][1];
  const double u2 = uv[2][0] - uv[0][0], v2 = uv[2][1] - uv[0][1];
  const double area = u1 * v2 - u2 * v1;
  if (area == 0) return normal;
  const Float3 along_u = scaled(minus(scaled(side1, v2), scaled(side2, v1)), area > 0 ? 1 : -1);
  const Float3 tangent = unit(minus(along_u, scaled(normal, dot(along_u, normal))), {0, 0, 0});
  const Float3 bitangent = scaled(cross(normal, tangent), area > 0 ? 1 : -1);
  const Float3 bent = plus(plus(scaled(tangent, direction[0]), scaled(bitangent, direction[1])),
                           scaled(normal, direction[2]));
  return unit(bent, normal);
}

}  // namespace

Float3 light_on(const Float3& normal, const Matrix4& pose) {
  constexpr Float3 kSky{0.52f, 0.55f, 0.60f}, kGround{0.34f, 0.31f, 0.28f}, kKey{0.60f, 0.57f, 0.53f};
  constexpr std::array<double, 3> kKeyFrom{-0.46, 0.60, 0.65};  // over the left shoulder, in camera axes
  // The key light wraps around the edge of its light as a large lamp does.
  constexpr double kWrap = 0.25;
  double towards_key = 0;
  for (int row = 0; row < 3; ++row) {
    for (int axis = 0; axis < 3; ++axis) towards_key += normal[row] * pose[row * 4 + axis] * kKeyFrom[axis];
  }
  const double key = std::max(0.0, (towards_key + kWrap) / (1 + kWrap));
  const double up = normal[2] * 0.5 + 0.5;
  Float3 light;
  for (int c = 0; c < 3; ++c) {
    light[c] = static_cast<float>(kGround[c] + (kSky[c] - kGround[c]) * up + kKey[c] * key);
  }
  return light;
}

Shaded Shader::shade(const kernels::Rasterisation& raster, int64_t face, int column, int row) const {
  const Int3& corner = mesh.surface.faces[face];
  const std::array<Float3, 3> corners{mesh.surface.vertices[corner[0]], mesh.surface.vertices[corner[1]],
                                      mesh.surface.vertices[corner[2]]};
  const kernels::TriangleSetup setup = kernels::set_up_triangle(raster, face);
  double x = 0, y = 0;
  kernels::ray_direction(raster, column, row, x, y);
  const kernels::TriangleHit hit = kernels::meet_plane(setup, x, y);

  Shaded seen;
  seen.depth = static_cast<float>(hit.depth);
  seen.position = to_float(mean_of(corners[0], corners[1], corners[2], hit.weights));
  const Float3 flat = unit(cross(minus(corners[1], corners[0]), minus(corners[2], corners[0])), {0, 0, 1});
  seen.normal =
      unit(to_float(mean_of(normals[corner[0]], normals[corner[1]], normals[corner[2]], hit.weights)), flat);

  if (albedo != nullptr) {
    const std::array<Float2, 3>& uvs = mesh.corner_uv[face];
    const auto uv_at = [&](const kernels::TriangleHit& at) {
      return mean_of(uvs[0], uvs[1], uvs[2], at.weights);
    };
    const std::array<double, 2> uv = uv_at(hit);
    const std::array<double, 2> right = uv_at(kernels::meet_plane(setup, x + 1 / raster.focal, y));
    const std::array<double, 2> up = uv_at(kernels::meet_plane(setup, x, y + 1 / raster.focal));
    const auto level_of = [&](const kernels::MipPyramid& texture) {
      const auto squared_step = [&](const std::array<double, 2>& to) {
        const double across = (to[0] - uv[0]) * texture.width(), down = (to[1] - uv[1]) * texture.height();
        return across * across + down * down;
      };
      const double level =
          std::log2(std::max({squared_step(right), squared_step(up), 1e-18})) / 2 - sharpening;
      return std::isfinite(level) ? level : 0.0;
    };
    seen.albedo = albedo->at(uv[0], uv[1], level_of(*albedo));
    if (normal_map != nullptr) {
      seen.normal =
          bent_normal(seen.normal, normal_map->at(uv[0], uv[1], level_of(*normal_map)), corners, uvs);
    }
  } else if (!mesh.vertex_colours.empty()) {
    const auto encoded = mean_of(mesh.vertex_colours[corner[0]], mesh.vertex_colours[corner[1]],
                                 mesh.vertex_colours[corner[2]], hit.weights);
    for (int c = 0; c < 3; ++c) seen.albedo[c] = linear_from_srgb(static_cast<float>(encoded[c]));
  } else {
    seen.albedo = {0.5f, 0.5f, 0.5f};
  }

  // A face seen from behind is shaded with the opposite normal.
  const Float3 towards_eye =
      minus({static_cast<float>(pose[3]), static_cast<float>(pose[7]), static_cast<float>(pose[11])},
            seen.position);
  if (dot(flat, towards_eye) < 0) seen.normal = scaled(seen.normal, -1);
  const Float3 light = light_on(seen.normal, pose);
  for (int c = 0; c < 3; ++c) seen.colour[c] = seen.albedo[c] * light[c];
  return seen;
}

namespace {

void box_blur_line(float* first, size_t stride, int count, int radius, std::vector<float>& line) {
  line.resize(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) line[i] = first[static_cast<size_t>(i) * stride];
  double sum = 0;
  for (int i = 0; i < std::min(radius, count); ++i) sum += line[i];
  for (int i = 0; i < count; ++i) {
    if (i + radius < count) sum += line[i + radius];
    if (i - radius - 1 >= 0) sum -= line[i - radius - 1];
    first[static_cast<size_t>(i) * stride] = static_cast<float>(std::max(0.0, sum / (2 * radius + 1)));
  }
}

}  // namespace

void blur(Mask& mask, int radius) {
  std::vector<float> line;
  const auto width = static_cast<size_t>(mask.width);
  for (int pass = 0; pass < 3; ++pass) {
    for (int y = 0; y < mask.height; ++y) {
      box_blur_line(&mask.values[static_cast<size_t>(y) * width], 1, mask.width, radius, line);
    }
    for (int x = 0; x < mask.width; ++x) {
      box_blur_line(&mask.values[static_cast<size_t>(x)], width, mask.height, radius, line);
    }
  }
}

}  // namespace relievo::render
