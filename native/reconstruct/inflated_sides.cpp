#include "reconstruct/inflated_sides.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/vectors.h"
#include "kernels/push_pull.h"
#include "kernels/resample.h"
#include "reconstruct/map_points.h"
#include "reconstruct/mask_outline.h"
#include "reconstruct/section_profile.h"

namespace relievo {
namespace {

constexpr float kFar = 1;  // box units: no distance is told beyond it
constexpr float kLeastSlope = 1e-3f;
constexpr float kMostDeficit = 3;
constexpr int kFinestSide = 512;  // nodes a side of the outlines that the mesh is settled on

/// The direction in which a picture's right and its down point in the box.
struct PictureAxes {
  int right, down;
  float right_sign, down_sign;

  float right_of(const float* point) const { return right_sign * point[right]; }
  float down_of(const float* point) const { return down_sign * point[down]; }
  void add(const PlaneSample& sample, float factor, Float3& gradient) const {
    gradient[right] += factor * right_sign * sample.right;
    gradient[down] += factor * down_sign * sample.down;
  }
};
constexpr PictureAxes kFrontAxes{1, 2, 1, -1}, kRightAxes{0, 2, -1, -1}, kTopAxes{1, 0, 1, 1};

struct PlacedProfile {
  SectionProfile profile;
  PictureAxes axes;

  PlaneSample deficit(const float* p) const { return profile.deficit(axes.right_of(p), axes.down_of(p)); }
  float distance(const float* p) const { return profile.distance(axes.right_of(p), axes.down_of(p)).value; }
};

/// The sections of two outlines: 1 - deficit^q - deficit^q >= 0, of which q = 1 makes ellipses of intervals,
/// a large one rectangles.
class Sections {
 public:
  Sections(PlacedProfile first, PlacedProfile second, std::optional<PlacedProfile> top, float exponent)
      : pair_{std::move(first), std::move(second)}, top_(std::move(top)), exponent_(exponent) {}

  /// The shape is what lies inside the outlines and the sections' function. The distance to the latter is its
  /// value over the length of its gradient.
  float distance(const float* p) const {
    float to_outline = top_ ? std::min(top_->distance(p), kFar) : kFar;
    float value = 1;
    Float3 gradient{};
    for (const PlacedProfile& side : pair_) {
      to_outline = std::min(to_outline, side.distance(p));
      const PlaneSample deficit = side.deficit(p);
      if (deficit.value <= 0) continue;
      // Far outside, the power would be too large a number.
      const float part = exponent_ == 1 ? deficit.value : std::min(deficit.value, kMostDeficit);
      const float power = exponent_ == 1 ? 1 : std::pow(part, exponent_ - 1);
      value -= part * power;
      side.axes.add(deficit, -exponent_ * power, gradient);
    }
    const float to_sections = std::clamp(value / std::max(length(gradient), kLeastSlope), -kFar, kFar);
    return -std::min(to_sections, to_outline);
  }

 private:
  std::array<PlacedProfile, 2> pair_;
  std::optional<PlacedProfile> top_;
  float exponent_;
};

/// Moves a point to where a shape's distance is 0, by at most `furthest`. Steps end where they no longer come
/// nearer.
void settle(const Sections& shape, float furthest, float* point) {
  constexpr int kSteps = 6;
  constexpr float kProbe = 1e-3f;  // a fraction of the pixels that outlines are drawn with
  const Float3 from{point[0], point[1], point[2]};
  float value = shape.distance(point);
  for (int step = 0; step < kSteps && std::abs(value) > kProbe / 10; ++step) {
    Float3 slope{};
    for (size_t i = 0; i < 3; ++i) {
      Float3 low{point[0], point[1], point[2]}, high = low;
      low[i] -= kProbe, high[i] += kProbe;
      slope[i] = (shape.distance(high.data()) - shape.distance(low.data())) / (2 * kProbe);
    }
    const float steepness = length(slope);
    if (steepness < kLeastSlope) return;
    // Where the outlines' corners make the slope less than one, the step is no longer than the distance.
    const float way = value / (steepness * std::max(steepness, 1.0f));
    Float3 next{};
    for (size_t i = 0; i < 3; ++i) next[i] = point[i] - way * slope[i];
    const float reached = shape.distance(next.data());
    if (std::abs(reached) >= std::abs(value) || length(minus(next, from)) > furthest) return;
    std::copy_n(next.data(), 3, point);
    value = reached;
  }
}

/// The shape, and the same with thin parts widened, which is what is meshed.
class SidesShape : public Field {
 public:
  SidesShape(Sections meshed, std::optional<Sections> own, float thinnest, Image colours)
      : meshed_(std::move(meshed)), own_(std::move(own)), thinnest_(thinnest), colours_(std::move(colours)) {}

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return at::kCPU; }

  at::Tensor values(const at::Tensor& points) const override {
    return map_points(points, {points.size(0)},
                      [&](const float* p, float* value) { *value = meshed_.distance(p); });
  }

  at::Tensor settled(const at::Tensor& points) const override {
    if (!own_) return {};
    return map_points(points, {points.size(0), 3}, [&](const float* p, float* place) {
      std::copy_n(p, 3, place);
      settle(*own_, thinnest_, place);
    });
  }

  at::Tensor colours(const at::Tensor& points) const override {
    const float half = static_cast<float>(colours_.width) / 2;
    return map_points(points, {points.size(0), 3}, [&](const float* p, float* colour) {
      kernels::sample_bilinear(colours_, (1 + p[1]) * half, (1 - p[2]) * half, colour);
    });
  }

 private:
  Sections meshed_;
  std::optional<Sections> own_;  // absent where no part is widened for the grid
  float thinnest_;
  Image colours_;
};

const Image* picture_of(const std::vector<SidePicture>& sides, Side side) {
  const auto found = std::ranges::find(sides, side, &SidePicture::side);
  return found == sides.end() ? nullptr : &found->picture;
}

/// The picture of a side, or the mirror image of the opposite one.
std::optional<Image> picture_or_mirrored(const std::vector<SidePicture>& sides, Side side) {
  if (const Image* const own = picture_of(sides, side)) return *own;
  const Image* const other = picture_of(sides, *opposite_of(side));
  return other ? std::optional(mirrored(*other)) : std::nullopt;
}

/// Throws where no section has both outlines.
void check_agreement(const SectionProfile& a, const SectionProfile& b) {
  for (size_t i = 0; i < a.most().size(); ++i) {
    if (a.most()[i] > 0 && b.most()[i] > 0) return;
  }
  throw Error(ErrorCode::kEmptySurface,
              "The pictures of the sides contradict each other: no shape has all of these outlines.",
              "Check that all show the same object upright, and which side each one shows.");
}

/// How round the sections of front and side are: the exponent with which the shape, seen from the top, is
/// nearest to the top's outline (intersection over union).
float exponent_for(const PlacedProfile& front, const PlacedProfile& right, const PlacedProfile& top) {
  constexpr int kNodes = 64;
  constexpr std::array kExponents{1.0f, 1.25f, 1.5f, 2.0f, 3.0f, 6.0f, 20.0f};
  constexpr float kOutside = 2;  // more than any deficit inside
  const auto place = [](int i) { return -1 + (static_cast<float>(i) + 0.5f) * 2 / kNodes; };
  std::vector<float> of_front(kNodes * kNodes), of_right(kNodes * kNodes);  // [other axis, height]
  std::vector<bool> in_top(kNodes * kNodes);                                // [x, y]
  for (int a = 0; a < kNodes; ++a) {
    for (int b = 0; b < kNodes; ++b) {
      const std::array<float, 3> in_front{0, place(a), place(b)}, in_right{place(a), 0, place(b)},
          above{place(a), place(b), 0};
      const int i = a * kNodes + b;
      of_front[i] = front.distance(in_front.data()) > 0 ? front.deficit(in_front.data()).value : kOutside;
      of_right[i] = right.distance(in_right.data()) > 0 ? right.deficit(in_right.data()).value : kOutside;
      in_top[i] = top.distance(above.data()) > 0;
    }
  }
  float best = 1;
  double most = -1;
  for (const float exponent : kExponents) {
    const auto raised = [&](std::vector<float> values) {
      for (float& value : values) value = std::pow(value, exponent);
      return values;
    };
    const std::vector<float> y = raised(of_front), x = raised(of_right);
    int both = 0, either = 0;
    for (int i = 0; i < kNodes; ++i) {
      for (int j = 0; j < kNodes; ++j) {
        bool is_covered = false;
        for (int k = 0; k < kNodes && !is_covered; ++k)
          is_covered = x[i * kNodes + k] + y[j * kNodes + k] <= 1;
        const bool is_wanted = in_top[i * kNodes + j];
        both += is_covered && is_wanted;
        either += is_covered || is_wanted;
      }
    }
    const double overlap = either > 0 ? static_cast<double>(both) / either : 0;
    if (overlap > most) {
      most = overlap;
      best = exponent;
    }
  }
  return best;
}

}  // namespace

Image mirrored(const Image& picture) {
  Image result = picture;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x)
      std::copy_n(picture.pixel(picture.width - 1 - x, y), picture.channels, result.pixel(x, y));
  }
  return result;
}

std::unique_ptr<Field> inflate_sides(const std::vector<SidePicture>& sides, const InflationSettings& settings,
                                     const Execution& execution) {
  const Control& control = execution.control;
  control.step(0);
  for (const SidePicture& side : sides) check_inflation(side.picture, settings);
  std::optional<Image> front = picture_or_mirrored(sides, Side::kFront);
  if (!front) {
    throw Error(ErrorCode::kInvalidSettings, "The sides are neither the front nor the back.",
                "Give a picture of one of these, too.");
  }
  const std::optional<Image> right = picture_or_mirrored(sides, Side::kRight);
  const Image* const top = picture_of(sides, Side::kTop);
  if (!right && !top) return inflate({std::move(*front), {}}, settings, execution);

  // Front and side share the height, front and top the width.
  const auto sections = [&](const InflationSettings& with, const Control& progress) {
    const float thinnest = thinnest_on_grid(with);
    const auto profile = [&](const Image& picture, SectionAxis axis, const PictureAxes& axes, double from) {
      return PlacedProfile{SectionProfile(outline_level(picture, with.side, thinnest), axis, thinnest,
                                          progress.part(from, from + 0.33)),
                           axes};
    };
    const SectionAxis shared = right ? SectionAxis::kDown : SectionAxis::kRight;
    PlacedProfile first = profile(*front, shared, kFrontAxes, 0);
    PlacedProfile second =
        right ? profile(*right, shared, kRightAxes, 0.33) : profile(*top, shared, kTopAxes, 0.33);
    check_agreement(first.profile, second.profile);
    if (!right || !top) return Sections(std::move(first), std::move(second), std::nullopt, 1);
    PlacedProfile above = profile(*top, SectionAxis::kRight, kTopAxes, 0.66);
    const float exponent = exponent_for(first, second, above);
    return Sections(std::move(first), std::move(second), std::move(above), exponent);
  };
  const InflationSettings fine{.depth = 1, .side = kFinestSide, .thinnest = 0};
  Sections meshed = sections(settings, control.part(0, 0.3));
  std::optional<Sections> own;
  if (thinnest_on_grid(fine) < thinnest_on_grid(settings)) own = sections(fine, control.part(0.3, 0.9));
  Image colours = kernels::grow_colours(*front);
  control.step(1);
  return std::make_unique<SidesShape>(std::move(meshed), std::move(own), thinnest_on_grid(settings),
                                      std::move(colours));
}

}  // namespace relievo
