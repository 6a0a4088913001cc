#include "foreground/align_sides.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "foreground/islands.h"
#include "foreground/square.h"

namespace relievo {
namespace {

constexpr double kSubjectSide = 1.7;  // of the model box's 2
constexpr double kMuchLarger = 1.15;
constexpr double kMuchDeeper = 1.1;
constexpr double kLeastAgreement = 0.85;  // intersection over union of opposite outlines
constexpr double kMuchContradicted = 0.02;

Mask alpha_of(const Image& picture) {
  Mask alpha(picture.width, picture.height);
  for (size_t i = 0; i < alpha.values.size(); ++i) alpha.values[i] = picture.pixels[4 * i + 3];
  return alpha;
}

/// A subject's box in its cut-out, in pixels.
struct Measured {
  const SideCut* cut;
  Mask alpha;
  PixelBox box;

  double width() const { return box.right - box.left; }
  double height() const { return box.bottom - box.top; }
};

Measured measure(const SideCut& cut) {
  Mask alpha = alpha_of(cut.foreground->image);
  const std::optional<Subject> subject = subject_of(alpha);
  if (!subject) {
    throw Error(ErrorCode::kNoSubject, fmt::format("Nothing is left of the subject of '{}'.", cut.name),
                "Choose another mask, or lower its threshold.");
  }
  return {&cut, std::move(alpha), subject->box};
}

const Measured* find(const std::vector<Measured>& all, Side side) {
  const auto found = std::ranges::find_if(all, [&](const Measured& m) { return m.cut->side == side; });
  return found == all.end() ? nullptr : &*found;
}

/// The scale of each cut-out in box units a pixel, before all are scaled to fit.
double scale_of(const Measured& measured, const Measured& first) {
  const double scale = kSubjectSide / std::max(first.width(), first.height());
  if (&measured == &first) return scale;
  const bool is_top = (measured.cut->side == Side::kTop) != (first.cut->side == Side::kTop);
  return scale * (is_top ? first.width() / measured.width() : first.height() / measured.height());
}

/// The subject's depth, front to back, as its side or its top shows it.
std::optional<double> depth_of(const std::vector<Measured>& all, Side side) {
  const Measured* const measured = find(all, side);
  if (!measured) return {};
  const double scale = scale_of(*measured, all.front());
  return scale * (side == Side::kTop ? measured->height() : measured->width());
}

void note_sizes(const std::vector<Measured>& all, std::vector<std::string>& notes) {
  const Measured& first = all.front();
  const auto pixels = [](const Measured& m, double length) {
    return length * m.cut->foreground->crop.side / m.cut->foreground->image.width;
  };
  for (const Measured& other : all) {
    const bool is_of_one_size =
        other.cut->width == first.cut->width && other.cut->height == first.cut->height;
    if (&other == &first || !is_of_one_size) continue;
    const bool is_top = other.cut->side == Side::kTop;
    const double here = pixels(other, is_top ? other.width() : other.height());
    const double there = pixels(first, is_top ? first.width() : first.height());
    if (std::max(here / there, there / here) < kMuchLarger) continue;
    notes.push_back(fmt::format(
        "The subject is {:.0f} pixels {} in '{}' and {:.0f} in '{}': it was scaled to be alike. Check that "
        "nothing of it is cut off, and that both show the same.",
        here, is_top ? "wide" : "high", other.cut->name, there, first.cut->name));
  }
}

void note_depths(const std::vector<Measured>& all, std::vector<std::string>& notes) {
  const auto top = depth_of(all, Side::kTop);
  for (const Side side : {Side::kRight, Side::kLeft}) {
    const auto depth = depth_of(all, side);
    if (!top || !depth || std::max(*top / *depth, *depth / *top) < kMuchDeeper) continue;
    notes.push_back(fmt::format(
        "The pictures of the {} and the top show different depths: {:.0f} % and {:.0f} % of the width. What "
        "both allow was kept.",
        side_name(side), 100 * *depth / (scale_of(all.front(), all.front()) * all.front().width()),
        100 * *top / (scale_of(all.front(), all.front()) * all.front().width())));
  }
}

/// The mask of an aligned picture, `[S, S]`.
std::vector<bool> inside(const Image& picture, bool is_mirrored) {
  std::vector<bool> result(static_cast<size_t>(picture.width) * picture.height);
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) {
      result[static_cast<size_t>(y) * picture.width + x] =
          picture.pixel(is_mirrored ? picture.width - 1 - x : x, y)[3] >= kOutline;
    }
  }
  return result;
}

void note_opposites(const std::vector<SidePicture>& pictures, const std::vector<SideCut>& cuts,
                    std::vector<std::string>& notes) {
  for (size_t i = 0; i < pictures.size(); ++i) {
    for (size_t j = i + 1; j < pictures.size(); ++j) {
      if (opposite_of(pictures[i].side) != pictures[j].side) continue;
      const std::vector<bool> a = inside(pictures[i].picture, false), b = inside(pictures[j].picture, true);
      double both = 0, either = 0;
      for (size_t p = 0; p < a.size(); ++p) {
        both += a[p] && b[p];
        either += a[p] || b[p];
      }
      if (either == 0 || both / either >= kLeastAgreement) continue;
      const bool is_first = pictures[i].side == Side::kFront || pictures[i].side == Side::kRight;
      notes.push_back(fmt::format(
          "The outlines of '{}' and '{}' should be mirror images and share only {:.0f} %: the shape follows "
          "'{}'.",
          cuts[i].name, cuts[j].name, 100 * both / either, cuts[is_first ? i : j].name));
    }
  }
}

/// The rows of a picture in which there is something, and the share of it in each.
std::vector<double> filled_rows(const Image& picture) {
  std::vector<double> rows(picture.height);
  double all = 0;
  for (int y = 0; y < picture.height; ++y) {
    for (int x = 0; x < picture.width; ++x) rows[y] += picture.pixel(x, y)[3] >= kOutline;
    all += rows[y];
  }
  for (double& row : rows) row /= std::max(all, 1.0);
  return rows;
}

/// Notes how much of the front lies at heights at which the side shows nothing, and the other way round.
void note_contradictions(const std::vector<SidePicture>& pictures, const std::vector<SideCut>& cuts,
                         std::vector<std::string>& notes) {
  for (size_t i = 0; i < pictures.size(); ++i) {
    for (size_t j = 0; j < pictures.size(); ++j) {
      if (i == j || pictures[i].side == Side::kTop || pictures[j].side == Side::kTop) continue;
      const std::vector<double> own = filled_rows(pictures[i].picture),
                                other = filled_rows(pictures[j].picture);
      double lost = 0;
      for (size_t row = 0; row < own.size(); ++row) lost += other[row] > 0 ? 0 : own[row];
      if (lost < kMuchContradicted) continue;
      notes.push_back(
          fmt::format("{:.0f} % of the subject in '{}' lie at heights at which '{}' shows nothing, and were "
                      "left out. Check that both show the same object upright.",
                      100 * lost, cuts[i].name, cuts[j].name));
    }
  }
}

}  // namespace

AlignedSides align_sides(const std::vector<SideCut>& given, int side, const Control& control) {
  // What the others are measured by comes first.
  std::vector<SideCut> cuts = given;
  std::ranges::stable_sort(cuts, {}, &SideCut::side);
  std::vector<Measured> all;
  for (const SideCut& cut : cuts) {
    all.push_back(measure(cut));
    control.step(0.2 * static_cast<double>(all.size()) / static_cast<double>(cuts.size()));
  }
  const double scale = scale_of(all.front(), all.front());
  double longest = scale * std::max(all.front().width(), all.front().height());
  for (const Side each : {Side::kRight, Side::kLeft, Side::kTop})
    longest = std::max(longest, depth_of(all, each).value_or(0));
  const double fit = kSubjectSide / longest;

  AlignedSides aligned;
  for (const Measured& measured : all) {
    const double pixels = 2 / (fit * scale_of(measured, all.front()));  // of the cut-out across the box
    const PixelBox& box = measured.box;
    const Crop square{static_cast<int>(std::lround((box.left + box.right - pixels) / 2)),
                      static_cast<int>(std::lround((box.top + box.bottom - pixels) / 2)),
                      static_cast<int>(std::lround(pixels))};
    aligned.pictures.push_back({measured.cut->side, resample_square(measured.cut->foreground->image,
                                                                    measured.alpha, square, side, control)});
    control.step(0.2 + 0.8 * static_cast<double>(aligned.pictures.size()) / static_cast<double>(all.size()));
  }
  note_sizes(all, aligned.notes);
  note_depths(all, aligned.notes);
  note_opposites(aligned.pictures, cuts, aligned.notes);
  note_contradictions(aligned.pictures, cuts, aligned.notes);
  return aligned;
}

}  // namespace relievo
