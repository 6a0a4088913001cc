#include "texture/shading_detail.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/vectors.h"
#include "kernels/resample.h"

namespace relievo {
namespace {

constexpr int64_t kMostSide = 512;

/// The mean of maps `[1, C, S, S]` around each pixel, of the mask's pixels alone.
at::Tensor around(const at::Tensor& maps, const at::Tensor& mask, int64_t reach) {
  const auto blurred = [reach](at::Tensor x) {
    for (int i = 0; i < 3; ++i) x = at::avg_pool2d(x, 2 * reach + 1, 1, reach);
    return x;
  };
  return blurred(maps * mask) / blurred(mask).clamp_min(1e-6);
}

/// Solves four equations by elimination with pivots; none where they do not tell the unknowns apart.
std::optional<std::array<double, 4>> solved(std::array<std::array<double, 5>, 4> rows) {
  for (size_t i = 0; i < 4; ++i) {
    size_t best = i;
    for (size_t k = i + 1; k < 4; ++k) {
      if (std::abs(rows[k][i]) > std::abs(rows[best][i])) best = k;
    }
    std::swap(rows[i], rows[best]);
    if (std::abs(rows[i][i]) < 1e-12) return std::nullopt;
    for (size_t k = 0; k < 4; ++k) {
      if (k == i) continue;
      const double factor = rows[k][i] / rows[i][i];
      for (size_t c = i; c < 5; ++c) rows[k][c] -= factor * rows[i][c];
    }
  }
  std::array<double, 4> result{};
  for (size_t i = 0; i < 4; ++i) result[i] = rows[i][4] / rows[i][i];
  return result;
}

}  // namespace

Shading find_shading(const Image& foreground) {
  if (foreground.channels != 4 || foreground.width != foreground.height || foreground.empty()) {
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("The foreground has {} x {} pixels of {} channels.", foreground.width,
                            foreground.height, foreground.channels),
                "Give a square RGBA picture.");
  }
  const at::NoGradGuard no_gradients;
  const int64_t side = std::min<int64_t>(foreground.width, kMostSide);
  const at::Tensor whole =
      at::from_blob(const_cast<float*>(foreground.pixels.data()), {foreground.height, foreground.width, 4})
          .permute({2, 0, 1})
          .unsqueeze(0);
  // Colours count as far as they are covered.
  const at::Tensor all_alpha = whole.slice(1, 3, 4);
  const at::Tensor alpha = at::adaptive_avg_pool2d(all_alpha.contiguous(), {side, side});
  const at::Tensor encoded =
      at::adaptive_avg_pool2d((whole.slice(1, 0, 3) * all_alpha).contiguous(), {side, side}) /
      alpha.clamp_min(1e-6);
  const at::Tensor colour = foreground.linear
                                ? encoded
                                : at::where(encoded.le(0.04045), encoded / 12.92,
                                            ((encoded.clamp_min(0.04045) + 0.055) / 1.055).pow(2.4));
  const at::Tensor mask = alpha.gt(0.5).to(at::kFloat);
  const int64_t reach = std::max<int64_t>(side / 64, 1), near = std::max<int64_t>(side / 256, 1);

  constexpr double kDark = 0.02;  // below this, differences are noise
  const at::Tensor bright =
      0.2126 * colour.slice(1, 0, 1) + 0.7152 * colour.slice(1, 1, 2) + 0.0722 * colour.slice(1, 2, 3);
  const at::Tensor logarithm = (bright + kDark).log();
  const at::Tensor ratio = logarithm - around(logarithm, mask, reach);
  // Paint changes the colour or is as dark as ink; light changes neither by much.
  constexpr double kPaint = 0.03, kInk = 0.5;
  const at::Tensor hue = colour / (colour.sum(1, true) + 3 * kDark);
  const at::Tensor change = around((hue - around(hue, mask, reach)).abs().sum(1, true), mask, near);
  const at::Tensor is_light = (-(change / kPaint).square() - (ratio / kInk).square()).exp();
  // The outline's own pixels carry what is behind them.
  const at::Tensor deep = 1 - at::max_pool2d(1 - mask, 2 * reach + 1, 1, reach);
  const at::Tensor maps =
      at::cat({ratio * is_light * deep, around(bright, mask, reach), at::ones_like(mask)}, 1)[0]
          .permute({1, 2, 0})
          .contiguous();
  Shading shading{Image(static_cast<int>(side), static_cast<int>(side), 3)};
  std::copy_n(maps.const_data_ptr<float>(), maps.numel(), shading.maps.pixels.begin());
  return shading;
}

ShadingDetail::ShadingDetail(const Surface& surface, const std::vector<Float3>& normals,
                             const Image& foreground, const Execution& execution)
    : projector_(surface, find_shading(foreground).maps, PictureCamera{}, execution) {
  fit_light(surface, normals);
}

void ShadingDetail::fit_light(const Surface& surface, const std::vector<Float3>& normals) {
  std::array<std::array<double, 5>, 4> sums{};
  double total = 0, mean = 0;
  for (size_t v = 0; v < surface.vertices.size(); ++v) {
    float x = 0, y = 0;
    const double weight = projector_.weight(surface.vertices[v].data(), normals[v].data(), x, y);
    if (weight <= 0) continue;
    float maps[4];
    const Image& picture = projector_.picture();
    kernels::sample_bilinear(picture, x * static_cast<float>(picture.width),
                             y * static_cast<float>(picture.height), maps);
    const std::array<double, 4> row{1, normals[v][0], normals[v][1], normals[v][2]};
    for (size_t i = 0; i < 4; ++i) {
      for (size_t k = 0; k < 4; ++k) sums[i][k] += weight * row[i] * row[k];
      sums[i][4] += weight * row[i] * maps[1];
    }
    total += weight;
    mean += weight * maps[1];
  }
  if (total <= 0) return;
  mean /= total;
  constexpr double kRidge = 0.02;  // paint is no light: what the normals hardly tell is taken for small
  for (size_t i = 1; i < 4; ++i) sums[i][i] += kRidge * total;
  const auto fitted = solved(sums);
  constexpr double kLeast = 0.15;
  const double strength =
      fitted
          ? std::sqrt((*fitted)[1] * (*fitted)[1] + (*fitted)[2] * (*fitted)[2] + (*fitted)[3] * (*fitted)[3])
          : 0;
  if (strength > kLeast * mean) {
    ambient_ = static_cast<float>((*fitted)[0]);
    light_ = {static_cast<float>((*fitted)[1]), static_cast<float>((*fitted)[2]),
              static_cast<float>((*fitted)[3])};
  } else {
    ambient_ = static_cast<float>(0.6 * mean);
    light_ = {static_cast<float>(0.36 * mean), 0, static_cast<float>(0.48 * mean)};
  }
}

Float3 ShadingDetail::at(const float* point, const float* normal) const {
  float x = 0, y = 0;
  const float weight = projector_.weight(point, normal, x, y);
  if (weight <= 0) return {};
  float maps[4];
  const Image& picture = projector_.picture();
  kernels::sample_bilinear(picture, x * static_cast<float>(picture.width),
                           y * static_cast<float>(picture.height), maps);
  const Float3 n{normal[0], normal[1], normal[2]};
  const float squared = dot(light_, light_);
  const float shade = std::max(ambient_ + dot(light_, n), 0.1f * (std::abs(ambient_) + std::sqrt(squared)));
  Float3 uphill{};  // along the surface, towards the light
  for (size_t i = 0; i < 3; ++i) uphill[i] = light_[i] - dot(light_, n) * n[i];
  constexpr float kDamping = 0.1f, kMost = 0.7f;
  const float step =
      weight * shade * (std::exp(maps[0]) - 1) / (dot(uphill, uphill) + kDamping * squared + 1e-9f);
  const Float3 turn = scaled(uphill, step);
  const float longest = length(turn);
  return longest > kMost ? scaled(turn, kMost / longest) : turn;
}

}  // namespace relievo
