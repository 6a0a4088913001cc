// Triangles to pixels with a depth test, for a pinhole camera, in homogeneous coordinates (Olano and Greer
// 1997, "Triangle Scan Conversion using 2D Homogeneous Coordinates"): nothing is divided before the pixel, so
// a triangle that reaches behind the camera needs no clipping, and the weights are perspective-correct.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/body.h"

namespace relievo::kernels {

/// The value of a pixel that no triangle covers.
inline constexpr uint64_t kNoHit = ~uint64_t{0};

/// Vertices are in camera axes (base/camera.h: x right, y up, looking along -z). The ray of pixel (column,
/// row) is direction ((column + offset_x - centre_x) / focal, (centre_y - row - offset_y) / focal, -1), so
/// that `distance` along it is the depth -z. A pixel belongs to a triangle when the ray meets it; of two
/// triangles that share an edge exactly one has it (the left and top ones of image space). Both sides of a
/// triangle are seen. What is nearer than `near` is not. Triangles on a line or with a NaN are nowhere.
struct Rasterisation {
  const float* vertices = nullptr;  ///< [V, 3]
  const int32_t* faces = nullptr;   ///< [face_count, 3], every index valid
  int64_t face_count = 0;           ///< below 2^32 - 1
  int32_t width = 0;
  int32_t height = 0;
  double focal = 0;  ///< in pixels
  double centre_x = 0, centre_y = 0;
  double offset_x = 0.5, offset_y = 0.5;  ///< where in a pixel its ray passes, from its top left corner
  double near = 1e-3;                     ///< > 0
  /// [height, width], written: the depth's bits above, the face below, so that the smallest value is the
  /// nearest face and, among equally near ones, the first. kNoHit where there is none.
  uint64_t* hits = nullptr;
};

/// The point where a ray meets one triangle.
struct TriangleHit {
  double weights[3];  ///< of the corners; sum 1, perspective-correct
  double depth;
};

/// A triangle's edges as planes through the eye, whose normals point inward.
struct TriangleSetup {
  double planes[3][3];   // edge opposite of corner i: normal of the plane through the eye
  double normal_sum[3];  // sum of the three
  // The determinant of the corners, made >= 0; at 0 there is nothing to see.
  double volume = 0;
};

RELIEVO_BODY void cross_of(const float* a, const float* b, double* out) {
  out[0] = static_cast<double>(a[1]) * b[2] - static_cast<double>(a[2]) * b[1];
  out[1] = static_cast<double>(a[2]) * b[0] - static_cast<double>(a[0]) * b[2];
  out[2] = static_cast<double>(a[0]) * b[1] - static_cast<double>(a[1]) * b[0];
}

RELIEVO_BODY TriangleSetup set_up_triangle(const Rasterisation& r, int64_t face) {
  TriangleSetup setup;
  const int32_t* corners = r.faces + face * 3;
  for (int i = 0; i < 3; ++i) {
    const int32_t from = corners[(i + 1) % 3], to = corners[(i + 2) % 3];
    // The plane is always computed from the lower index to the higher, so both faces of an edge get the same
    // number with opposite signs, however a compiler contracts the products. Each ray is then on exactly one
    // side of the edge.
    const bool turned = from > to;
    cross_of(r.vertices + 3 * static_cast<int64_t>(turned ? to : from),
             r.vertices + 3 * static_cast<int64_t>(turned ? from : to), setup.planes[i]);
    if (turned) {
      for (int axis = 0; axis < 3; ++axis) setup.planes[i][axis] = -setup.planes[i][axis];
    }
  }
  const float* first = r.vertices + 3 * static_cast<int64_t>(corners[0]);
  setup.volume =
      first[0] * setup.planes[0][0] + first[1] * setup.planes[0][1] + first[2] * setup.planes[0][2];
  if (setup.volume < 0) {
    setup.volume = -setup.volume;
    for (auto& plane : setup.planes) {
      for (double& component : plane) component = -component;
    }
  }
  for (int axis = 0; axis < 3; ++axis) {
    setup.normal_sum[axis] = setup.planes[0][axis] + setup.planes[1][axis] + setup.planes[2][axis];
  }
  return setup;
}

RELIEVO_BODY void ray_direction(const Rasterisation& r, double column, double row, double& x, double& y) {
  x = (column + r.offset_x - r.centre_x) / r.focal;
  y = (r.centre_y - row - r.offset_y) / r.focal;
}

/// Computes the corner weights where the ray (x, y, -1) meets the triangle's plane, inside the triangle or
/// not.
RELIEVO_BODY TriangleHit meet_plane(const TriangleSetup& setup, double x, double y) {
  TriangleHit hit;
  const double sum = setup.normal_sum[0] * x + setup.normal_sum[1] * y - setup.normal_sum[2];
  for (int i = 0; i < 3; ++i) {
    hit.weights[i] = (setup.planes[i][0] * x + setup.planes[i][1] * y - setup.planes[i][2]) / sum;
  }
  hit.depth = setup.volume / sum;
  return hit;
}

RELIEVO_BODY bool covers(const TriangleSetup& setup, double x, double y) {
  for (int i = 0; i < 3; ++i) {
    const double* plane = setup.planes[i];
    const double side = plane[0] * x + plane[1] * y - plane[2];
    // A ray exactly on the edge belongs to the triangle to its right, and on a level edge to the one below.
    const bool owns = plane[0] > 0 || (plane[0] == 0 && plane[1] < 0);
    if (!(side > 0 || (side == 0 && owns))) return false;
  }
  return true;
}

/// The pixels that a triangle can cover: columns first..last, rows first..last; empty when first > last.
struct PixelBox {
  int32_t first_column = 0, last_column = -1, first_row = 0, last_row = -1;
};

RELIEVO_BODY PixelBox box_of_triangle(const Rasterisation& r, int64_t face) {
  PixelBox box;
  double low_x = 1e300, high_x = -1e300, low_y = 1e300, high_y = -1e300;
  const auto include = [&](double x, double y, double depth) {
    const double px = x / depth * r.focal + r.centre_x - r.offset_x;
    const double py = r.centre_y - y / depth * r.focal - r.offset_y;
    low_x = fmin(low_x, px);
    high_x = fmax(high_x, px);
    low_y = fmin(low_y, py);
    high_y = fmax(high_y, py);
  };
  for (int i = 0; i < 3; ++i) {
    const float* a = r.vertices + 3 * static_cast<int64_t>(r.faces[face * 3 + i]);
    const float* b = r.vertices + 3 * static_cast<int64_t>(r.faces[face * 3 + (i + 1) % 3]);
    const double depth_a = -a[2], depth_b = -b[2];
    if (depth_a >= r.near) include(a[0], a[1], depth_a);
    if ((depth_a >= r.near) != (depth_b >= r.near)) {
      const double t = (r.near - depth_a) / (depth_b - depth_a);
      include(a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), r.near);
    }
  }
  // The slack is far above rounding errors: the box only bounds, and the edges decide.
  constexpr double kSlack = 1e-3;
  const bool is_seen = low_x <= r.width - 1 + kSlack && high_x >= -kSlack && low_y <= r.height - 1 + kSlack &&
                       high_y >= -kSlack;
  if (!is_seen) return box;
  box.first_column = static_cast<int32_t>(fmax(0.0, ceil(low_x - kSlack)));
  box.last_column = static_cast<int32_t>(fmin(r.width - 1.0, floor(high_x + kSlack)));
  box.first_row = static_cast<int32_t>(fmax(0.0, ceil(low_y - kSlack)));
  box.last_row = static_cast<int32_t>(fmin(r.height - 1.0, floor(high_y + kSlack)));
  return box;
}

RELIEVO_BODY uint64_t packed_hit(float depth, int64_t face) {
  uint32_t bits = 0;
  // The bits of positive floats are ordered as the floats are.
  memcpy(&bits, &depth, sizeof(bits));
  return static_cast<uint64_t>(bits) << 32 | static_cast<uint32_t>(face);
}

/// One index is one face. `keep_smallest(address, value)` is an atomic minimum, which makes the result
/// independent of any order.
template <typename KeepSmallest>
RELIEVO_BODY void rasterise_face_at(const Rasterisation& r, int64_t face, const KeepSmallest& keep_smallest) {
  const PixelBox box = box_of_triangle(r, face);
  if (box.first_column > box.last_column || box.first_row > box.last_row) return;
  const TriangleSetup setup = set_up_triangle(r, face);
  if (!(setup.volume > 0)) return;
  for (int32_t row = box.first_row; row <= box.last_row; ++row) {
    for (int32_t column = box.first_column; column <= box.last_column; ++column) {
      double x = 0, y = 0;
      ray_direction(r, column, row, x, y);
      if (!covers(setup, x, y)) continue;
      const double depth = meet_plane(setup, x, y).depth;
      if (!(depth >= r.near) || !(depth < 3e38)) continue;
      keep_smallest(r.hits + static_cast<int64_t>(row) * r.width + column,
                    packed_hit(static_cast<float>(depth), face));
    }
  }
}

RELIEVO_BODY int64_t face_of_hit(uint64_t hit) { return static_cast<int64_t>(hit & 0xffffffffu); }

/// Fills `hits`.
void rasterise_cpu(const Rasterisation& rasterisation);

}  // namespace relievo::kernels
