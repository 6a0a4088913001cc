#include "reconstruct/inflated_mask.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "kernels/push_pull.h"
#include "reconstruct/front_and_back.h"
#include "reconstruct/map_points.h"
#include "reconstruct/mask_inflation.h"
#include "reconstruct/mask_outline.h"
#include "reconstruct/plane_sample.h"

namespace relievo {
namespace {

constexpr int kSmallestSide = 16;
constexpr int kLargestSide = 512;

class InflatedMask : public InflatedField {
 public:
  InflatedMask(Inflation inflation, Image colours, Image back)
      : squared_height_(std::move(inflation.squared_height)),
        bend_(1 + std::abs(1 - inflation.depth * inflation.depth)),
        colours_(std::move(colours), std::move(back)) {}

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }

  at::Tensor values(const at::Tensor& points) const override {
    return map_points(points, {points.size(0)}, [&](const float* p, float* value) { *value = distance(p); });
  }

  at::Tensor colours(const at::Tensor& points) const override {
    return map_points(points, {points.size(0), 3},
                      [&](const float* p, float* colour) { colours_.at(p, colour); });
  }

  at::Tensor heights(const at::Tensor& places) const override {
    return map_points(places, {places.size(0)}, [&](const float* p, float* height) {
      *height = std::sqrt(std::max(interpolate(squared_height_, p[0], -p[1]).value, 0.0f));
    });
  }

 private:
  /// Signed distance to f = x^2 - squared height = 0, to second order: along its gradient, of length g, f
  /// changes by g t + bend t^2, and t is where it reaches zero. For a ball (bend 1) that is exact.
  float distance(const float* point) const {
    const PlaneSample squared = interpolate(squared_height_, point[1], -point[2]);
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
  FrontAndBack colours_;
};

}  // namespace

void check_inflation(const Image& picture, const InflationSettings& settings) {
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

float thinnest_on_grid(const InflationSettings& settings) {
  constexpr float kNodes = 2;  // that the grid itself needs
  return std::max(settings.thinnest, kNodes * 2.0f / static_cast<float>(settings.side));
}

std::unique_ptr<InflatedField> inflate(const Foreground& foreground, const InflationSettings& settings,
                                       const Execution& execution, Image back) {
  const Control& control = execution.control;
  control.step(0);
  check_inflation(foreground.image, settings);
  const PlaneGrid level = outline_level(foreground.image, settings.side, thinnest_on_grid(settings));
  control.step(0.2);
  Inflation inflation = inflate_outline(level, settings.depth, settings.thinnest, control.part(0.2, 0.8));
  Image colours = kernels::grow_colours(foreground.image);
  control.step(1);
  return std::make_unique<InflatedMask>(std::move(inflation), std::move(colours), std::move(back));
}

}  // namespace relievo
