#include "reconstruct/inflated_mask.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/refusals.h"
#include "kernels/push_pull.h"
#include "kernels/resample.h"
#include "reconstruct/mask_inflation.h"
#include "reconstruct/mask_outline.h"

namespace relievo {
namespace {

constexpr int kSmallestSide = 16;
constexpr int kLargestSide = 512;
constexpr int64_t kGrain = 8192;     // points
constexpr float kThinnestNodes = 2;  // nodes that the grid itself needs

/// A grid's value and gradient at a point of the picture's square.
struct Sample {
  float value = 0;
  float right = 0;
  float down = 0;
};

/// The weights of four neighbouring nodes at t in 0..1 between the middle two, and their derivatives:
/// Catmull-Rom's cubic, which is once continuously differentiable, so that no cell shows in the shading.
struct CubicWeights {
  explicit CubicWeights(float t)
      : value{((2 - t) * t - 1) * t / 2, ((3 * t - 5) * t * t + 2) / 2, ((4 - 3 * t) * t + 1) * t / 2,
              (t - 1) * t * t / 2},
        slope{((4 - 3 * t) * t - 1) / 2, (9 * t - 10) * t / 2, ((8 - 9 * t) * t + 1) / 2,
              (3 * t - 2) * t / 2} {}

  std::array<float, 4> value;
  std::array<float, 4> slope;
};

Sample interpolate(const PlaneGrid& grid, float right, float down) {
  // Beyond the grid the outermost cell's slope continues.
  const float last = static_cast<float>(grid.side - 2);
  const float column = (right - grid.position(0)) / grid.spacing,
              row = (down - grid.position(0)) / grid.spacing;
  const float x = std::clamp(column, 1.0f, last), y = std::clamp(row, 1.0f, last);
  const int i = std::min(static_cast<int>(x), grid.side - 3),
            j = std::min(static_cast<int>(y), grid.side - 3);
  const CubicWeights across(x - static_cast<float>(i)), along(y - static_cast<float>(j));
  Sample sample;
  for (int k = 0; k < 4; ++k) {
    const float* nodes = &grid.values[static_cast<size_t>(j - 1 + k) * grid.side + i - 1];
    float value = 0, slope = 0;
    for (int l = 0; l < 4; ++l) {
      value += across.value[l] * nodes[l];
      slope += across.slope[l] * nodes[l];
    }
    sample.value += along.value[k] * value;
    sample.right += along.value[k] * slope;
    sample.down += along.slope[k] * value;
  }
  sample.value += sample.right * (column - x) + sample.down * (row - y);
  sample.right /= grid.spacing;
  sample.down /= grid.spacing;
  return sample;
}

class InflatedMask : public InflatedField {
 public:
  InflatedMask(Inflation inflation, Image colours)
      : squared_height_(std::move(inflation.squared_height)),
        bend_(1 + std::abs(1 - inflation.depth * inflation.depth)),
        colours_(std::move(colours)) {}

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }

  at::Tensor values(const at::Tensor& points) const override {
    return map_points(points, {points.size(0)}, [&](const float* p, float* value) { *value = distance(p); });
  }

  at::Tensor colours(const at::Tensor& points) const override {
    const float half = static_cast<float>(colours_.width) / 2;
    return map_points(points, {points.size(0), 3}, [&](const float* p, float* colour) {
      kernels::sample_bilinear(colours_, (1 + p[1]) * half, (1 - p[2]) * half, colour);
    });
  }

  at::Tensor heights(const at::Tensor& places) const override {
    return map_points(places, {places.size(0)}, [&](const float* p, float* height) {
      *height = std::sqrt(std::max(interpolate(squared_height_, p[0], -p[1]).value, 0.0f));
    });
  }

 private:
  /// Calls `body(point, result)` for each of the points `[N, D]`; returns a result of the given shape, `[N]`
  /// or `[N, C]`.
  template <typename Body>
  static at::Tensor map_points(const at::Tensor& points, at::IntArrayRef shape, const Body& body) {
    const at::Tensor in = points.contiguous();
    at::Tensor out = at::empty(shape, in.options());
    const int64_t axes = in.size(1), channels = shape.size() == 2 ? shape[1] : 1;
    const float* from = in.const_data_ptr<float>();
    float* to = out.mutable_data_ptr<float>();
    parallel_for(in.size(0), kGrain, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) body(from + axes * i, to + channels * i);
    });
    return out;
  }

  /// Signed distance to f = x^2 - squared height = 0, to second order: along its gradient, of length g, f
  /// changes by g t + bend t^2, and t is where it reaches zero. For a ball (bend 1) that is exact.
  float distance(const float* point) const {
    const Sample squared = interpolate(squared_height_, point[1], -point[2]);
    const float f = point[0] * point[0] - squared.value;
    const float half_slope = std::hypot(point[0], std::hypot(squared.right, squared.down) / 2);
    const float root = std::sqrt(std::max(half_slope * half_slope - bend_ * f, 0.0f));
    // The second bound matters where the slope vanishes, far from the surface.
    const float denominator = std::max(half_slope + root, std::sqrt(bend_ * std::abs(f)));
    return f / std::max(denominator, 1e-6f);
  }

  PlaneGrid squared_height_;
  // The largest half of a second derivative of f (see inflate_outline).
  float bend_;
  Image colours_;
};

void check(const Image& picture, const InflationSettings& settings) {
  if (picture.channels != 4 || picture.width != picture.height || picture.empty()) {
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("The foreground has {} x {} pixels of {} channels.", picture.width,
                            picture.height, picture.channels),
                "Give a square RGBA picture.");
  }
  if (!(settings.depth > 0) || !std::isfinite(settings.depth)) {
    throw invalid_value("depth", fmt::format("{}", settings.depth),
                        "Use a number above 0; 1 turns a disc into a ball.");
  }
  if (settings.side < kSmallestSide || settings.side > kLargestSide) {
    throw invalid_value("inflation grid", fmt::format("{}", settings.side),
                        fmt::format("Use {} to {}.", kSmallestSide, kLargestSide));
  }
  if (!(settings.thinnest >= 0 && settings.thinnest <= 1)) {
    throw invalid_value("smallest width", fmt::format("{}", settings.thinnest),
                        "Use 0 to 1 (in box units; the picture is 2 wide).");
  }
}

}  // namespace

std::unique_ptr<InflatedField> inflate(const Foreground& foreground, const InflationSettings& settings,
                                       const Execution& execution) {
  const Control& control = execution.control;
  control.step(0);
  check(foreground.image, settings);
  const float thinnest =
      std::max(settings.thinnest, kThinnestNodes * 2.0f / static_cast<float>(settings.side));
  const PlaneGrid level = outline_level(foreground.image, settings.side, thinnest);
  control.step(0.2);
  Inflation inflation = inflate_outline(level, settings.depth, settings.thinnest, control.part(0.2, 0.8));
  Image colours = kernels::grow_colours(foreground.image);
  control.step(1);
  return std::make_unique<InflatedMask>(std::move(inflation), std::move(colours));
}

}  // namespace relievo
