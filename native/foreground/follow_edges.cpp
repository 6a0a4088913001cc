#include "foreground/follow_edges.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/parallel.h"
#include "foreground/islands.h"

namespace relievo {
namespace {

constexpr float kNoise = 1e-4f;     // variances of the colours below this do not count
constexpr float kSteepness = 2.0f;  // of the result about its outline
constexpr int64_t kGrain = 16;      // rows or columns

using Plane = std::vector<float>;

/// The mean of each window of 2 reach + 1 pixels a side, as far as it lies in the picture.
Plane box_mean(const Plane& plane, int width, int height, int reach) {
  Plane along(plane.size()), result(plane.size());
  const auto pass = [reach](const float* from, float* to, int count, int step) {
    double sum = 0;
    for (int i = 0; i < std::min(reach, count); ++i) sum += from[static_cast<ptrdiff_t>(i) * step];
    for (int i = 0; i < count; ++i) {
      if (i + reach < count) sum += from[static_cast<ptrdiff_t>(i + reach) * step];
      if (i - reach - 1 >= 0) sum -= from[static_cast<ptrdiff_t>(i - reach - 1) * step];
      const int within = std::min(i + reach, count - 1) - std::max(i - reach, 0) + 1;
      to[static_cast<ptrdiff_t>(i) * step] = static_cast<float>(sum / within);
    }
  };
  parallel_for(height, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t y = first; y < last; ++y) pass(&plane[y * width], &along[y * width], width, 1);
  });
  parallel_for(width, kGrain, [&](int64_t first, int64_t last) {
    for (int64_t x = first; x < last; ++x) pass(&along[x], &result[x], height, width);
  });
  return result;
}

Plane product(const Plane& a, const Plane& b) {
  Plane result(a.size());
  std::ranges::transform(a, b, result.begin(), std::multiplies<>());
  return result;
}

}  // namespace

Mask follow_edges(const Image& picture, const Mask& mask, int reach, const Control& control) {
  const int width = picture.width, height = picture.height;
  const auto mean = [&](const Plane& plane) {
    control.cancel.check();
    return box_mean(plane, width, height, reach);
  };
  std::array<Plane, 3> guide;
  for (size_t c = 0; c < 3; ++c) {
    guide[c].resize(mask.values.size());
    for (size_t i = 0; i < guide[c].size(); ++i) guide[c][i] = picture.pixels[i * picture.channels + c];
  }
  std::array<Plane, 3> mean_guide, with_mask;
  for (size_t c = 0; c < 3; ++c) {
    mean_guide[c] = mean(guide[c]);
    with_mask[c] = mean(product(guide[c], mask.values));
  }
  std::array<Plane, 6> squares;  // xx, xy, xz, yy, yz, zz
  size_t at = 0;
  for (size_t a = 0; a < 3; ++a) {
    for (size_t b = a; b < 3; ++b) squares[at++] = mean(product(guide[a], guide[b]));
  }
  const Plane mean_mask = mean(mask.values);
  control.step(0.6);

  // In each window the mask is slope . colour + rest, by least squares.
  std::array<Plane, 3> slope{Plane(mask.values.size()), Plane(mask.values.size()), Plane(mask.values.size())};
  Plane rest(mask.values.size());
  parallel_for(static_cast<int64_t>(rest.size()), 1 << 14, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const std::array<double, 3> m{mean_guide[0][i], mean_guide[1][i], mean_guide[2][i]};
      const double xx = squares[0][i] - m[0] * m[0] + kNoise, xy = squares[1][i] - m[0] * m[1],
                   xz = squares[2][i] - m[0] * m[2], yy = squares[3][i] - m[1] * m[1] + kNoise,
                   yz = squares[4][i] - m[1] * m[2], zz = squares[5][i] - m[2] * m[2] + kNoise;
      const double p = mean_mask[i];
      const std::array<double, 3> v{with_mask[0][i] - m[0] * p, with_mask[1][i] - m[1] * p,
                                    with_mask[2][i] - m[2] * p};
      const double a = yy * zz - yz * yz, b = xz * yz - xy * zz, c = xy * yz - xz * yy;
      const double d = xx * zz - xz * xz, e = xy * xz - xx * yz, f = xx * yy - xy * xy;
      const double determinant = xx * a + xy * b + xz * c;
      const std::array<double, 3> s{(a * v[0] + b * v[1] + c * v[2]) / determinant,
                                    (b * v[0] + d * v[1] + e * v[2]) / determinant,
                                    (c * v[0] + e * v[1] + f * v[2]) / determinant};
      for (size_t k = 0; k < 3; ++k) slope[k][i] = static_cast<float>(s[k]);
      rest[i] = static_cast<float>(p - s[0] * m[0] - s[1] * m[1] - s[2] * m[2]);
    }
  });
  for (Plane& plane : slope) plane = mean(plane);
  rest = mean(rest);
  Mask result(width, height);
  for (size_t i = 0; i < rest.size(); ++i) {
    const float value =
        slope[0][i] * guide[0][i] + slope[1][i] * guide[1][i] + slope[2][i] * guide[2][i] + rest[i];
    result.values[i] = std::clamp((value - kOutline) * kSteepness + kOutline, 0.0f, 1.0f);
  }
  control.step(1);
  return result;
}

}  // namespace relievo
