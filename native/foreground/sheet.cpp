#include "foreground/sheet.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "foreground/alpha.h"
#include "kernels/resample.h"

namespace relievo {
namespace {

constexpr float kGround = 0.06f;       // a colour's largest difference from the ground's
constexpr double kPlain = 0.7;         // share of the border that has the ground's colour
constexpr double kFigureShare = 0.03;  // of the largest figure's area
constexpr double kSmallFigure = 0.2;   // a smaller one belongs to its neighbour
constexpr double kMargin = 0.06;       // around a figure, in parts of its longer side

float difference(const float* a, const float* b) {
  return std::max({std::abs(a[0] - b[0]), std::abs(a[1] - b[1]), std::abs(a[2] - b[2])});
}

std::vector<const float*> border_of(const Image& picture) {
  std::vector<const float*> border;
  for (int x = 0; x < picture.width; ++x) {
    border.push_back(picture.pixel(x, 0));
    border.push_back(picture.pixel(x, picture.height - 1));
  }
  for (int y = 0; y < picture.height; ++y) {
    border.push_back(picture.pixel(0, y));
    border.push_back(picture.pixel(picture.width - 1, y));
  }
  return border;
}

/// The median of the border's colours.
std::array<float, 3> ground_of(const Image& picture) {
  const std::vector<const float*> border = border_of(picture);
  std::array<float, 3> ground{};
  for (size_t c = 0; c < 3; ++c) {
    std::vector<float> values;
    for (const float* pixel : border) values.push_back(pixel[c]);
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    ground[c] = *middle;
  }
  const auto plain = std::ranges::count_if(
      border, [&](const float* pixel) { return difference(pixel, ground.data()) < kGround; });
  if (static_cast<double>(plain) < kPlain * static_cast<double>(border.size())) {
    throw Error(ErrorCode::kNoSubject,
                fmt::format("The sheet's ground is not plain: {:.0f} % of its border differ.",
                            100 - 100.0 * static_cast<double>(plain) / static_cast<double>(border.size())),
                "Use figures on one colour or on transparency, or bring a mask.");
  }
  return ground;
}

PixelBox united(const PixelBox& a, const PixelBox& b) {
  return {std::min(a.left, b.left), std::min(a.top, b.top), std::max(a.right, b.right),
          std::max(a.bottom, b.bottom)};
}

/// The pixels that two boxes are apart; negative where they overlap along both axes.
int gap_between(const PixelBox& a, const PixelBox& b) {
  return std::max(std::max(a.left, b.left) - std::min(a.right, b.right),
                  std::max(a.top, b.top) - std::min(a.bottom, b.bottom));
}

/// Whether one lies above the other: more than half of the narrower one's width is below or above the wider.
bool is_above(const PixelBox& a, const PixelBox& b) {
  const int shared = std::min(a.right, b.right) - std::max(a.left, b.left);
  const int narrower = std::min(a.right - a.left, b.right - b.left);
  const int apart = std::max(a.top, b.top) - std::min(a.bottom, b.bottom);
  const int higher = std::max(a.bottom - a.top, b.bottom - b.top);
  return 2 * shared > narrower && 5 * apart < higher;
}

struct Figure {
  PixelBox box;
  int64_t area;
};

/// Merges figures that `belong` together until none do.
template <typename Belong>
void merge(std::vector<Figure>& figures, const Belong& belong) {
  for (size_t i = 0; i < figures.size(); ++i) {
    for (size_t j = i + 1; j < figures.size(); ++j) {
      if (!belong(figures[i], figures[j])) continue;
      figures[i] = {united(figures[i].box, figures[j].box), figures[i].area + figures[j].area};
      figures.erase(figures.begin() + static_cast<std::ptrdiff_t>(j));
      i = static_cast<size_t>(-1);
      break;
    }
  }
}

/// Left to right where the figures stand in one row, and row by row.
void sort_in_reading_order(std::vector<PixelBox>& boxes) {
  std::ranges::sort(boxes, {}, [](const PixelBox& box) { return box.top + box.bottom; });
  for (auto row = boxes.begin(); row != boxes.end();) {
    const int middle = (row->top + row->bottom) / 2;
    auto end = std::find_if(row, boxes.end(), [&](const PixelBox& box) { return box.top > middle; });
    if (end == row) ++end;
    std::sort(row, end, [](const PixelBox& a, const PixelBox& b) { return a.left < b.left; });
    row = end;
  }
}

}  // namespace

Mask mask_on_plain_ground(const Image& picture, const CancelToken& cancel) {
  const std::array<float, 3> ground = ground_of(picture);
  const int width = picture.width, height = picture.height;
  Mask mask(width, height, 1);
  std::vector<int> front;
  const auto reach = [&](int x, int y) {
    if (x < 0 || y < 0 || x >= width || y >= height || mask.at(x, y) == 0) return;
    if (difference(picture.pixel(x, y), ground.data()) >= kGround) return;
    mask.at(x, y) = 0;
    front.push_back(y * width + x);
  };
  for (int x = 0; x < width; ++x) reach(x, 0), reach(x, height - 1);
  for (int y = 0; y < height; ++y) reach(0, y), reach(width - 1, y);
  for (size_t steps = 0; !front.empty(); ++steps) {
    if (steps % 65536 == 0) cancel.check();
    const int x = front.back() % width, y = front.back() / width;
    front.pop_back();
    reach(x - 1, y), reach(x + 1, y), reach(x, y - 1), reach(x, y + 1);
  }
  return mask;
}

std::vector<PixelBox> figures_of(const Mask& mask, float threshold) {
  Mask inside(mask.width, mask.height);
  for (size_t i = 0; i < mask.values.size(); ++i) inside.values[i] = mask.values[i] >= threshold ? 1 : 0;
  std::vector<Figure> figures;
  for (const Subject::Speck& island : islands_of(inside)) figures.push_back({island.box, island.area});
  int64_t largest = 0;
  for (const Figure& figure : figures) largest = std::max(largest, figure.area);
  std::erase_if(figures, [&](const Figure& figure) {
    return static_cast<double>(figure.area) < kFigureShare * static_cast<double>(largest);
  });
  merge(figures, [](const Figure& a, const Figure& b) {
    return gap_between(a.box, b.box) < 0 || is_above(a.box, b.box);
  });
  // A hand or a hat that stands apart goes to what is nearest.
  largest = 0;
  for (const Figure& figure : figures) largest = std::max(largest, figure.area);
  while (figures.size() > 1) {
    const auto small = std::ranges::min_element(figures, {}, &Figure::area);
    if (static_cast<double>(small->area) >= kSmallFigure * static_cast<double>(largest)) break;
    const Figure part = *small;
    figures.erase(small);
    const auto nearest =
        std::ranges::min_element(figures, {}, [&](const Figure& f) { return gap_between(f.box, part.box); });
    *nearest = {united(nearest->box, part.box), nearest->area + part.area};
  }
  std::vector<PixelBox> boxes;
  for (const Figure& figure : figures) boxes.push_back(figure.box);
  sort_in_reading_order(boxes);
  return boxes;
}

std::vector<SheetFigure> cut_sheet(const Image& picture, const Mask& mask, float threshold, int count) {
  const std::vector<PixelBox> boxes = figures_of(mask, threshold);
  if (std::ssize(boxes) != count) {
    throw Error(ErrorCode::kNoSubject,
                fmt::format("The sheet shows {} {}, and {} sides are named.", boxes.size(),
                            boxes.size() == 1 ? "figure" : "figures", count),
                "Name the sides of all figures in reading order; figures must not touch each other.");
  }
  int longest = 0;
  for (const PixelBox& box : boxes) longest = std::max({longest, box.right - box.left, box.bottom - box.top});
  constexpr int kSoftEdge = 2;  // pixels outside of a figure's box that may hold the rest of its edge
  const int margin = static_cast<int>(std::lround(kMargin * longest)) + kSoftEdge;
  const int side = longest + 2 * margin;
  std::vector<SheetFigure> figures;
  for (const PixelBox& box : boxes) {
    SheetFigure figure{Image(side, side, picture.channels), Mask(side, side, 0), side,
                       (box.left + box.right - side) / 2, (box.top + box.bottom - side) / 2};
    figure.picture.linear = picture.linear;
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const int column = figure.x + x, row = figure.y + y;
        // Beyond the sheet its border goes on; of the neighbours there is the colour, but no mask.
        const int from_x = std::clamp(column, 0, picture.width - 1);
        const int from_y = std::clamp(row, 0, picture.height - 1);
        std::copy_n(picture.pixel(from_x, from_y), picture.channels, figure.picture.pixel(x, y));
        const bool is_own = column >= std::max(box.left - kSoftEdge, 0) &&
                            column < std::min(box.right + kSoftEdge, picture.width) &&
                            row >= std::max(box.top - kSoftEdge, 0) &&
                            row < std::min(box.bottom + kSoftEdge, picture.height);
        if (is_own) figure.mask.at(x, y) = mask.at(column, row);
      }
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

namespace {

/// The sheet's mask as its source has it, and whether that is the alpha channel.
std::pair<Mask, bool> mask_of(const Image& picture, MaskSource source, const std::optional<Mask>& given,
                              const CancelToken& cancel) {
  if (source == MaskSource::kGiven && given && !given->values.empty()) {
    if (given->width == picture.width && given->height == picture.height) return {*given, false};
    Mask mask(picture.width, picture.height);
    mask.values =
        kernels::resample(given->values, given->width, given->height, 1, picture.width, picture.height);
    return {std::move(mask), false};
  }
  const bool is_alpha = source == MaskSource::kAlpha || alpha_kind(picture) == AlphaKind::kCutOut;
  if (!is_alpha) return {mask_on_plain_ground(picture, cancel), false};
  if (picture.channels != 4) {
    throw Error(ErrorCode::kInvalidImage, "The sheet has no alpha channel.",
                "Let the figures be found automatically, bring a mask, or choose a sheet with alpha.");
  }
  Mask mask(picture.width, picture.height);
  for (size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = picture.pixels[4 * i + 3];
  return {std::move(mask), true};
}

}  // namespace

std::vector<CutFigure> cut_out_figures(const Image& picture, const ForegroundSettings& settings,
                                       const std::optional<Mask>& given, int count,
                                       const Execution& execution) {
  auto [mask, is_alpha] = mask_of(picture, settings.source, given, execution.control.cancel);
  if (settings.invert) {
    for (float& value : mask.values) value = 1 - value;
  }
  ForegroundSettings one = settings;
  one.invert = false;
  one.source = is_alpha ? MaskSource::kAlpha : MaskSource::kGiven;
  std::vector<CutFigure> cuts;
  execution.control.step(0.2);
  for (SheetFigure& figure : cut_sheet(picture, mask, settings.threshold, count)) {
    if (is_alpha) {
      for (size_t i = 0; i < figure.mask.values.size(); ++i)
        figure.picture.pixels[4 * i + 3] = figure.mask.values[i];
    }
    Execution part = execution;
    const double done = static_cast<double>(cuts.size()) / count;
    part.control = execution.control.part(0.2 + 0.8 * done, 0.2 + 0.8 * (done + 1.0 / count));
    std::optional<Mask> own;
    if (!is_alpha) own = std::move(figure.mask);
    cuts.push_back(
        {cut_out(std::move(figure.picture), one, own, nullptr, part), figure.side, figure.x, figure.y});
  }
  return cuts;
}

}  // namespace relievo
