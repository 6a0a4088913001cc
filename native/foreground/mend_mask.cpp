#include "foreground/mend_mask.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>

#include <fmt/format.h>

#include "base/error.h"
#include "foreground/colour_mixture.h"
#include "foreground/follow_edges.h"
#include "foreground/grid_cut.h"
#include "foreground/islands.h"
#include "kernels/resample.h"

namespace relievo {
namespace {

constexpr int kSide = 320;  // pixels of the longer side at which labels are found
constexpr int kRounds = 3;  // of learning the colours of what was found

// Costs, in the unit of a negative logarithm of a density.
constexpr float kLink = 50;        // of different labels of two pixels of one colour (GrabCut's gamma)
constexpr float kKept = 25;        // of another label than the mask's, far from all strokes
constexpr float kPulled = 15;      // of another label than a stroke's, close to it
constexpr float kForced = 1e6f;    // of another label than that of the stroke over the pixel
constexpr float kMostColour = 12;  // by which colours decide between the labels

// A stroke's influence falls with the way from it: along pixels of one colour slowly, across edges fast.
constexpr float kWayOfPixel = 0.004f, kWayOfColour = 1.5f, kIgnoredColour = 0.02f, kFarWay = 0.5f;
constexpr float kUncertain = 0.3f;  // influence of the other label from which on a pixel teaches no colour

enum class Painted : uint8_t { kNothing, kSubject, kGround };

struct Small {
  int width = 0, height = 0;
  std::vector<Float3> colours;
  std::vector<float> mask;       // as it was
  std::vector<Painted> painted;  // under strokes

  size_t at(int x, int y) const { return static_cast<size_t>(y) * width + x; }
};

float colour_distance(const Float3& a, const Float3& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

Small reduced(const Image& picture, const Mask& mask) {
  Small small;
  const double scale = std::min(1.0, static_cast<double>(kSide) / std::max(picture.width, picture.height));
  small.width = std::max(1, static_cast<int>(std::lround(picture.width * scale)));
  small.height = std::max(1, static_cast<int>(std::lround(picture.height * scale)));
  const std::vector<float> pixels = kernels::resample(picture.pixels, picture.width, picture.height,
                                                      picture.channels, small.width, small.height);
  small.mask = kernels::resample(mask.values, mask.width, mask.height, 1, small.width, small.height);
  small.colours.resize(small.mask.size());
  for (size_t i = 0; i < small.colours.size(); ++i)
    std::copy_n(&pixels[i * picture.channels], 3, small.colours[i].data());
  small.painted.assign(small.mask.size(), Painted::kNothing);
  return small;
}

/// Marks the pixels whose middle the brush covers, and the one under each point whatever the brush.
void paint(Small& small, const MaskStroke& stroke, double scale) {
  const Painted with = stroke.is_subject ? Painted::kSubject : Painted::kGround;
  const double radius =
      std::isfinite(stroke.radius) ? std::clamp(stroke.radius * scale, 0.0, 2.0 * kSide) : 0.0;
  const auto dab = [&](double x, double y) {
    if (!(std::abs(x) < 4 * kSide && std::abs(y) < 4 * kSide)) return;  // far outside, or no number
    const auto set = [&](int column, int row) {
      if (column >= 0 && row >= 0 && column < small.width && row < small.height)
        small.painted[small.at(column, row)] = with;
    };
    for (int row = static_cast<int>(y - radius); row <= static_cast<int>(y + radius); ++row) {
      for (int column = static_cast<int>(x - radius); column <= static_cast<int>(x + radius); ++column) {
        if (std::hypot(column + 0.5 - x, row + 0.5 - y) <= radius) set(column, row);
      }
    }
    set(static_cast<int>(std::floor(x)), static_cast<int>(std::floor(y)));
  };
  for (size_t i = 0; i < stroke.points.size(); ++i) {
    const Float2 from = stroke.points[i > 0 ? i - 1 : 0], to = stroke.points[i];
    const double length = std::hypot(to[0] - from[0], to[1] - from[1]) * scale;
    if (!std::isfinite(length)) continue;
    const int dabs = std::max(1, std::min(static_cast<int>(std::ceil(2 * length)), 4 * kSide));
    for (int k = 1; k <= dabs; ++k) {
      const double t = static_cast<double>(k) / dabs;
      dab(std::lerp(static_cast<double>(from[0]), static_cast<double>(to[0]), t) * scale,
          std::lerp(static_cast<double>(from[1]), static_cast<double>(to[1]), t) * scale);
    }
  }
}

/// How much the strokes of a label that contradict the mask reach each pixel: 1 below them, 0 far away.
std::vector<float> influence_of(const Small& small, Painted label) {
  std::vector<float> way(small.mask.size(), std::numeric_limits<float>::max());
  using Reached = std::pair<float, size_t>;
  std::priority_queue<Reached, std::vector<Reached>, std::greater<>> next;
  for (size_t i = 0; i < way.size(); ++i) {
    const bool was_subject = small.mask[i] >= kOutline;
    if (small.painted[i] != label || was_subject == (label == Painted::kSubject)) continue;
    way[i] = 0;
    next.push({0.0f, i});
  }
  constexpr float kFurthest = 4 * kFarWay;  // where the influence is 2 %
  while (!next.empty()) {
    const auto [reached, i] = next.top();
    next.pop();
    if (reached > way[i] || reached > kFurthest) continue;
    const int x = static_cast<int>(i % small.width), y = static_cast<int>(i / small.width);
    for (int row = std::max(y - 1, 0); row <= std::min(y + 1, small.height - 1); ++row) {
      for (int column = std::max(x - 1, 0); column <= std::min(x + 1, small.width - 1); ++column) {
        const size_t other = small.at(column, row);
        const float length = row != y && column != x ? 1.41421356f : 1.0f;
        const float change = colour_distance(small.colours[i], small.colours[other]);
        const float through =
            reached + kWayOfPixel * length + kWayOfColour * std::max(change - kIgnoredColour, 0.0f);
        if (through >= way[other]) continue;
        way[other] = through;
        next.push({through, other});
      }
    }
  }
  for (float& value : way) value = value > kFurthest ? 0.0f : std::exp(-value / kFarWay);
  return way;
}

/// GrabCut's beta: 1 over twice the mean squared difference of neighbours.
float sharpness_of(const Small& small) {
  double sum = 0;
  int64_t count = 0;
  for (int y = 0; y < small.height; ++y) {
    for (int x = 0; x < small.width; ++x) {
      for (const auto& [dx, dy] : {std::pair{1, 0}, std::pair{0, 1}}) {
        if (x + dx >= small.width || y + dy >= small.height) continue;
        const float change =
            colour_distance(small.colours[small.at(x, y)], small.colours[small.at(x + dx, y + dy)]);
        sum += change * change;
        ++count;
      }
    }
  }
  return sum > 0 ? static_cast<float>(static_cast<double>(count) / (2 * sum)) : 0.0f;
}

void set_links(GridCut& cut, const Small& small) {
  const float sharpness = sharpness_of(small);
  const std::pair<GridCut::Direction, Int3> kLinks[] = {{GridCut::kRight, {1, 0, 0}},
                                                        {GridCut::kDown, {0, 1, 0}},
                                                        {GridCut::kDownRight, {1, 1, 0}},
                                                        {GridCut::kDownLeft, {-1, 1, 0}}};
  for (int y = 0; y < small.height; ++y) {
    for (int x = 0; x < small.width; ++x) {
      for (const auto& [direction, step] : kLinks) {
        const int column = x + step[0], row = y + step[1];
        if (column < 0 || column >= small.width || row >= small.height) continue;
        const float change =
            colour_distance(small.colours[small.at(x, y)], small.colours[small.at(column, row)]);
        const float length = step[0] != 0 && step[1] != 0 ? 1.41421356f : 1.0f;
        cut.set_link(x, y, direction, kLink * std::exp(-sharpness * change * change) / length);
      }
    }
  }
}

/// Labels the pixels: 1 for the subject. The influences are those of the strokes of each label.
std::vector<uint8_t> labels_of(const Small& small, const std::vector<float>& to_subject,
                               const std::vector<float>& to_ground, const Control& control) {
  std::vector<uint8_t> labels(small.mask.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    labels[i] = small.painted[i] == Painted::kNothing ? small.mask[i] >= kOutline
                                                      : small.painted[i] == Painted::kSubject;
  }
  for (int round = 0; round < kRounds; ++round) {
    std::vector<float> in_subject(labels.size()), in_ground(labels.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      // What a stroke has just claimed teaches the colours of its label.
      in_subject[i] = labels[i] && to_ground[i] < kUncertain ? 1.0f : to_subject[i];
      in_ground[i] = !labels[i] && to_subject[i] < kUncertain ? 1.0f : to_ground[i];
    }
    const ColourMixture subject(small.colours, in_subject), ground(small.colours, in_ground);
    GridCut cut(small.width, small.height);
    set_links(cut, small);
    for (int y = 0; y < small.height; ++y) {
      for (int x = 0; x < small.width; ++x) {
        const size_t i = small.at(x, y);
        const float by_colour = std::clamp(subject.cost(small.colours[i]) - ground.cost(small.colours[i]),
                                           -kMostColour, kMostColour);
        const float certainty = std::abs(2 * small.mask[i] - 1);
        const bool was_subject = small.mask[i] >= kOutline;
        float of_subject = by_colour + kPulled * to_ground[i];
        float of_ground = kPulled * to_subject[i];
        (was_subject ? of_ground : of_subject) +=
            kKept * certainty * (1 - (was_subject ? to_ground[i] : to_subject[i]));
        if (small.painted[i] == Painted::kSubject) of_ground += kForced;
        if (small.painted[i] == Painted::kGround) of_subject += kForced;
        cut.set_costs(x, y, of_subject, of_ground);
      }
    }
    cut.solve(control.cancel);
    std::vector<uint8_t> found(labels.size());
    for (int y = 0; y < small.height; ++y) {
      for (int x = 0; x < small.width; ++x) found[small.at(x, y)] = cut.is_inside(x, y);
    }
    control.step(0.6 * (round + 1) / kRounds);
    const bool is_settled = found == labels;
    labels = std::move(found);
    if (is_settled) break;
  }
  return labels;
}

/// 1 where labels differ from the mask's or a few pixels from there, 0 elsewhere. Pixels of which the mask is
/// not sure, such as those of its outline, differ only where a stroke reaches them.
std::vector<float> changed_parts(const Small& small, const std::vector<uint8_t>& labels,
                                 const std::vector<float>& to_subject, const std::vector<float>& to_ground) {
  constexpr int kAround = 3;
  constexpr float kSure = 0.5f, kReached = 0.2f;
  std::vector<float> changed(labels.size(), 0.0f);
  for (int y = 0; y < small.height; ++y) {
    for (int x = 0; x < small.width; ++x) {
      const size_t i = small.at(x, y);
      if ((small.mask[i] >= kOutline) == (labels[i] != 0)) continue;
      const float reached = labels[i] != 0 ? to_subject[i] : to_ground[i];
      if (std::abs(2 * small.mask[i] - 1) < kSure && reached < kReached) continue;
      for (int row = std::max(y - kAround, 0); row <= std::min(y + kAround, small.height - 1); ++row) {
        for (int column = std::max(x - kAround, 0); column <= std::min(x + kAround, small.width - 1);
             ++column)
          changed[small.at(column, row)] = 1;
      }
    }
  }
  return changed;
}

}  // namespace

Mask mend_mask(const Image& picture, const Mask& mask, const std::vector<MaskStroke>& strokes,
               const Control& control) {
  if (picture.empty() || picture.channels < 3 || mask.width != picture.width ||
      mask.height != picture.height || mask.values.empty()) {
    throw Error(ErrorCode::kInvalidImage,
                fmt::format("The mask has {} x {} pixels and the picture {} x {}.", mask.width, mask.height,
                            picture.width, picture.height),
                "Give a mask that is as large as the picture.");
  }
  if (strokes.empty()) return mask;
  control.cancel.check();
  Small small = reduced(picture, mask);
  const double scale = static_cast<double>(small.width) / picture.width;
  for (const MaskStroke& stroke : strokes) paint(small, stroke, scale);
  const std::vector<float> to_subject = influence_of(small, Painted::kSubject),
                           to_ground = influence_of(small, Painted::kGround);
  const std::vector<uint8_t> labels = labels_of(small, to_subject, to_ground, control);
  const std::vector<float> changed = changed_parts(small, labels, to_subject, to_ground);
  if (std::ranges::find(changed, 1.0f) == changed.end()) return mask;
  const std::vector<float> as_numbers(labels.begin(), labels.end());
  Mask found(picture.width, picture.height), weight(picture.width, picture.height);
  found.values = kernels::resample(as_numbers, small.width, small.height, 1, picture.width, picture.height);
  weight.values = kernels::resample(changed, small.width, small.height, 1, picture.width, picture.height);
  control.step(0.7);
  // The labels' outline misses the subject's by a pixel of theirs at most.
  const int reach = std::max(2, static_cast<int>(std::lround(2 / scale)));
  found = follow_edges(picture, found, reach, control.part(0.7, 1));
  Mask mended = mask;
  for (size_t i = 0; i < mended.values.size(); ++i) {
    if (weight.values[i] > 0)
      mended.values[i] = std::lerp(mask.values[i], found.values[i], std::min(weight.values[i], 1.0f));
  }
  control.step(1);
  return mended;
}

}  // namespace relievo
