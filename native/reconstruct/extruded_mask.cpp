#include "reconstruct/extruded_mask.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "kernels/push_pull.h"
#include "reconstruct/front_and_back.h"
#include "reconstruct/map_points.h"
#include "reconstruct/mask_outline.h"
#include "reconstruct/outline_distance.h"
#include "reconstruct/plane_sample.h"

namespace relievo {
namespace {

constexpr float kBevel = 1.0f / 3;  // of the half thickness
constexpr float kMostHalf = 0.95f;  // of the box's half
constexpr int kFinestSide = 512;    // nodes a side: a plate's corners are seen, unlike a balloon's

class Plate : public Field {
 public:
  Plate(PlaneGrid distance, float half, Image colours, Image back)
      : distance_(std::move(distance)), half_(half), colours_(std::move(colours), std::move(back)) {}

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }

  at::Tensor values(const at::Tensor& points) const override {
    return map_points(points, {points.size(0)}, [&](const float* p, float* value) {
      // A rectangle of the outline's distance and the height, with a round corner.
      const float bevel = kBevel * half_;
      const float across = bevel - interpolate(distance_, p[1], -p[2]).value;
      const float above = std::abs(p[0]) - half_ + bevel;
      *value = std::hypot(std::max(across, 0.0f), std::max(above, 0.0f)) +
               std::min(std::max(across, above), 0.0f) - bevel;
    });
  }

  at::Tensor colours(const at::Tensor& points) const override {
    return map_points(points, {points.size(0), 3},
                      [&](const float* p, float* colour) { colours_.at(p, colour); });
  }

 private:
  PlaneGrid distance_;  // to the outline, positive inside
  float half_;
  FrontAndBack colours_;
};

}  // namespace

std::unique_ptr<Field> extrude(const Foreground& foreground, const InflationSettings& settings,
                               const Execution& execution, Image back) {
  const Control& control = execution.control;
  control.step(0);
  check_inflation(foreground.image, settings);
  InflationSettings fine = settings;
  fine.side = kFinestSide;
  PlaneGrid level = outline_level(foreground.image, fine.side, thinnest_on_grid(fine));
  const Outline outline = trace_outline(level);
  if (outline.segments.empty()) {
    throw Error(ErrorCode::kNoSubject, "Nothing in the picture passes the mask's outline.",
                "Choose another mask, or lower its threshold.");
  }
  control.step(0.6);
  for (size_t i = 0; i < level.values.size(); ++i)
    level.values[i] = level.values[i] > 0 ? outline.distance[i] : -outline.distance[i];
  Image colours = kernels::grow_colours(foreground.image);
  control.step(1);
  return std::make_unique<Plate>(std::move(level), std::min(kPlateHalf * settings.depth, kMostHalf),
                                 std::move(colours), std::move(back));
}

}  // namespace relievo
