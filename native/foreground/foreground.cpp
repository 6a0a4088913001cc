#include "foreground/foreground.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"
#include "base/refusals.h"
#include "foreground/alpha.h"
#include "foreground/confidence.h"
#include "foreground/edge_colours.h"
#include "foreground/islands.h"
#include "foreground/sheet.h"
#include "foreground/square.h"
#include "foreground/subject_map.h"

namespace relievo {
namespace {

constexpr double kSubjectShare = 0.85;  // share of the square's side
constexpr float kLeastCertain = 0.5f;
constexpr int64_t kGrain = 1 << 16;

bool all_finite(const std::vector<float>& values) {
  std::atomic<bool> finite = true;
  parallel_for(static_cast<int64_t>(values.size()), kGrain, [&](int64_t first, int64_t last) {
    // This is a sum of zeros, unless an infinity or a NaN is among them.
    float sum = 0;
    for (int64_t i = first; i < last; ++i) sum += values[i] * 0.0f;
    if (sum != 0) finite = false;
  });
  return finite;
}

void check_picture(const Image& picture) {
  const size_t count = static_cast<size_t>(picture.width) * picture.height * picture.channels;
  if (picture.empty() || picture.pixels.size() != count) {
    throw Error(ErrorCode::kInvalidImage, "The picture is empty.", "Choose another picture.");
  }
  if (picture.channels != 3 && picture.channels != 4) {
    throw Error(ErrorCode::kInvalidImage, fmt::format("The picture has {} channels.", picture.channels),
                "Bring it as RGB or RGBA.");
  }
  if (!all_finite(picture.pixels)) {
    throw Error(ErrorCode::kInvalidImage, "The picture holds values that are not finite numbers.",
                "Render or save it again without NaN and infinite values.");
  }
}

void check_settings(const ForegroundSettings& settings) {
  // The comparison is written so that a NaN is refused.
  if (!(settings.threshold > 0 && settings.threshold < 1)) {
    throw invalid_value("mask threshold", fmt::format("{}", settings.threshold),
                        "Use a number between 0 and 1.");
  }
  if (settings.side < 1)
    throw invalid_value("side of the cut-out", fmt::format("{}", settings.side), "Use 1 or more.");
}

Mask alpha_of(const Image& picture) {
  if (picture.channels != 4) {
    throw Error(ErrorCode::kInvalidImage, "The picture has no alpha channel.",
                "Let the subject be found automatically, bring a mask, or choose a picture with alpha.");
  }
  Mask mask(picture.width, picture.height);
  for (size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = picture.pixels[4 * i + 3];
  return mask;
}

Mask resized(const Mask& mask, int width, int height) {
  if (mask.width == width && mask.height == height) return mask;
  const at::Tensor small =
      at::from_blob(const_cast<float*>(mask.values.data()), {1, 1, mask.height, mask.width}, at::kFloat);
  Mask result(width, height);
  at::Tensor large = at::from_blob(result.values.data(), {1, 1, height, width}, at::kFloat);
  at::_upsample_bicubic2d_aa_out(large, small, {height, width}, /*align_corners=*/false);
  return result;
}

/// Returns whether the mask has the picture's shape. Half a pixel is allowed for rounding, because a large
/// picture is scaled down while it is read.
bool is_of_shape(const Mask& mask, int width, int height) {
  const double expected = static_cast<double>(mask.width) * height / width;
  return std::abs(expected - mask.height) <= std::max(1.0, 0.01 * mask.height);
}

/// A mask, and the distance in pixels of the picture by which its outline may miss the subject's edge.
struct FoundMask {
  Mask mask;
  double reach = 0;
  bool is_by_network = false;
};

FoundMask given_mask(const std::optional<Mask>& given, int width, int height) {
  if (!given) throw Error(ErrorCode::kInvalidSettings, "There is no mask.", "Name the mask's file.");
  if (given->values.empty() || !all_finite(given->values)) {
    throw Error(ErrorCode::kInvalidImage, "The mask is empty or holds values that are not finite numbers.",
                "Bring a picture whose bright parts are the subject.");
  }
  if (!is_of_shape(*given, width, height)) {
    throw Error(
        ErrorCode::kInvalidImage,
        fmt::format("The mask has {} x {} pixels and the picture {} x {}: they are of different shapes.",
                    given->width, given->height, width, height),
        "Bring a mask that was made of this picture, as wide and high in proportion.");
  }
  constexpr double kOfSide = 0.006;
  const double scale = static_cast<double>(width) / given->width;
  return {resized(*given, width, height), std::max({2.0, kOfSide * std::max(width, height), 1.5 * scale})};
}

FoundMask network_mask(const Image& picture, float threshold, U2Net* network, const Execution& execution,
                       std::vector<std::string>& notes) {
  if (!network) {
    throw Error(ErrorCode::kModelMissing, "The network that finds the subject is missing.",
                "Install Relievo again, bring a mask, or choose a picture with an alpha channel.");
  }
  const ByteImage colours = colour_bytes(picture);
  Mask map = subject_map(colours, *network, execution);
  if (*std::max_element(map.values.begin(), map.values.end()) < kLeastCertain) {
    throw Error(
        ErrorCode::kNoSubject, "No subject stands out in the picture.",
        "Choose a picture of one clear subject, bring a mask, or cut the subject out (alpha channel).");
  }
  map = stretched(map);
  const Doubt doubt = doubt_of(map, threshold, colours);
  constexpr double kUnsure = 0.15, kAgainstGround = 0.15;
  if (doubt.unsure > kUnsure) {
    notes.push_back(
        fmt::format("The network is unsure of the subject: of {:.0f} % of its area it does not say what it "
                    "is. Look at the mask, and "
                    "bring one of your own where it is wrong.",
                    100 * std::min(doubt.unsure, 1.0)));
  }
  if (doubt.against_ground > kAgainstGround) {
    notes.push_back(
        fmt::format("The outline that the network found differs by {:.0f} % from what stands out from the "
                    "even background. Look at "
                    "the mask, and bring one of your own where it is wrong.",
                    100 * doubt.against_ground));
  }
  constexpr double kMapPixels = 3;
  const double reach = kMapPixels * std::max(picture.width, picture.height) / kSubjectMapSide;
  return {resized(map, picture.width, picture.height), std::max(reach, 2.0), true};
}

FoundMask mask_of(const Image& picture, const ForegroundSettings& settings, const std::optional<Mask>& given,
                  U2Net* network, const Execution& execution, std::vector<std::string>& notes) {
  switch (settings.source) {
    case MaskSource::kGiven:
      return given_mask(given, picture.width, picture.height);
    case MaskSource::kAlpha:
      return {alpha_of(picture)};
    case MaskSource::kAuto:
      break;
  }
  const AlphaKind kind = alpha_kind(picture);
  if (kind == AlphaKind::kCutOut) return {alpha_of(picture)};
  if (kind == AlphaKind::kFrame) {
    notes.emplace_back(
        "The picture is transparent at its corners or border alone, which was taken for a frame; the subject "
        "was looked for "
        "in the picture. The mask 'alpha' takes the transparency as it is.");
  }
  return network_mask(picture, settings.threshold, network, execution, notes);
}

/// Notes the part of a person's mask that is too see-through to be kept.
void note_see_through(const Mask& mask, const ForegroundSettings& settings, std::vector<std::string>& notes) {
  if (settings.invert) return;
  constexpr double kWorthSaying = 0.03;
  const SeeThrough lost = see_through_of(mask, settings.threshold);
  if (lost.share < kWorthSaying) return;
  notes.push_back(
      fmt::format("{:.0f} % of the visible subject is see-through, lies below the mask threshold of {:.2f} "
                  "and was left out; a lower mask "
                  "threshold keeps it (--mask-threshold {:.2f}).",
                  100 * lost.share, settings.threshold, std::min(lost.threshold, settings.threshold / 2)));
}

/// Clamps the mask, inverts it if asked to, and bends its values so that the threshold becomes kOutline while
/// 0 and 1 stay.
void settle(Mask& mask, const ForegroundSettings& settings) {
  const float threshold = settings.threshold;
  const float below = kOutline / threshold, above = (1 - kOutline) / (1 - threshold);
  parallel_for(static_cast<int64_t>(mask.values.size()), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      float value = std::clamp(mask.values[i], 0.0f, 1.0f);
      if (settings.invert) value = 1 - value;
      mask.values[i] = value < threshold ? value * below : kOutline + (value - threshold) * above;
    }
  });
}

Crop square_around(const PixelBox& box) {
  const int width = box.right - box.left, height = box.bottom - box.top;
  const int side = static_cast<int>(std::lround(std::max(width, height) / kSubjectShare));
  return {box.left - (side - width) / 2, box.top - (side - height) / 2, side};
}

/// Leaves one of several subjects in the mask, with the soft edge around it.
void keep_subject(Mask& mask, int number) {
  const std::vector<PixelBox> figures = figures_of(mask, kOutline);
  if (number > std::ssize(figures)) {
    throw Error(ErrorCode::kNoSubject,
                fmt::format("The picture shows {} separate {}, and number {} is asked for.", figures.size(),
                            figures.size() == 1 ? "subject" : "subjects", number),
                figures.empty() ? std::string("Choose another mask, or lower its threshold.")
                                : fmt::format("Use 1 to {}, or 0 for all as one object.", figures.size()));
  }
  constexpr int kSoftEdge = 2;
  const PixelBox& box = figures[static_cast<size_t>(number) - 1];
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      const bool is_own = x >= box.left - kSoftEdge && x < box.right + kSoftEdge &&
                          y >= box.top - kSoftEdge && y < box.bottom + kSoftEdge;
      if (!is_own) mask.at(x, y) = 0;
    }
  }
}

/// Notes how much of a person's mask is see-through and yet inside.
void note_glass(const Mask& mask, std::vector<std::string>& notes) {
  constexpr float kOpaque = 0.9f;
  constexpr double kWorthSaying = 0.08;
  constexpr int kInside = 3;  // pixels to what is compared
  constexpr float kSlope = 0.04f;
  int64_t inside = 0, glass = 0;
  for (int y = kInside; y < mask.height - kInside; ++y) {
    for (int x = kInside; x < mask.width - kInside; ++x) {
      const float value = mask.at(x, y);
      if (value < kOutline) continue;
      ++inside;
      // The same in a neighbourhood: a soft edge, however wide it is, slopes.
      const float across = std::abs(mask.at(x + kInside, y) - mask.at(x - kInside, y));
      const float down = std::abs(mask.at(x, y + kInside) - mask.at(x, y - kInside));
      glass += value < kOpaque && across < kSlope && down < kSlope;
    }
  }
  const double share = inside > 0 ? static_cast<double>(glass) / static_cast<double>(inside) : 0;
  if (share < kWorthSaying) return;
  notes.push_back(
      fmt::format("{:.0f} % of the subject are see-through, like glass: the object is opaque there, in the "
                  "colours that the "
                  "picture has. Set the material's alpha or transmission afterwards.",
                  100 * share));
}

/// Notes small parts of the mask that lie outside the crop, which they do not move.
void note_specks(const Subject& subject, const Crop& crop, std::vector<std::string>& notes) {
  int count = 0;
  int64_t lost = 0, whole = subject.area;
  for (const auto& [box, area] : subject.specks) {
    whole += area;
    const bool is_in_crop = box.left >= crop.x && box.top >= crop.y && box.right <= crop.x + crop.side &&
                            box.bottom <= crop.y + crop.side;
    if (is_in_crop) continue;
    ++count;
    lost += area;
  }
  constexpr double kWorthSaying = 0.0005;  // less is dust
  const double share = static_cast<double>(lost) / static_cast<double>(whole);
  if (share < kWorthSaying) return;
  notes.push_back(fmt::format(
      "{} small {} of the mask, {:.2g} % of its area, {} outside the cut-out and {} left out: what has less "
      "than 1 % of the largest part's area does not widen the cut-out. Bring a mask in which it is larger or "
      "joined to the subject where it belongs to it.",
      count, count == 1 ? "part" : "parts", 100 * share, count == 1 ? "lies" : "lie",
      count == 1 ? "was" : "were"));
}

}  // namespace

CutOut cut_out(Image picture, const ForegroundSettings& settings, const std::optional<Mask>& given,
               U2Net* network, const Execution& execution) {
  check_settings(settings);
  check_picture(picture);
  execution.control.step(0.1);
  CutOut result;
  if (is_premultiplied(picture)) {
    make_straight(picture);
    result.notes.emplace_back(
        "The picture's colours are multiplied by its alpha; they were divided by it again.");
  }
  FoundMask found = mask_of(picture, settings, given, network, execution, result.notes);
  Mask& mask = found.mask;
  execution.control.step(0.6);
  if (!found.is_by_network) note_see_through(mask, settings, result.notes);
  settle(mask, settings);
  if (!found.is_by_network) note_glass(mask, result.notes);
  if (settings.subject > 0) keep_subject(mask, settings.subject);
  const std::optional<Subject> subject = subject_of(mask);
  if (!subject) {
    throw Error(ErrorCode::kNoSubject,
                fmt::format("Nothing of the mask reaches the threshold of {:.2f}.", settings.threshold),
                settings.invert ? "Lower the threshold, or do not invert the mask."
                                : "Lower the threshold, or invert the mask.");
  }
  const Crop crop = square_around(subject->box);
  note_specks(*subject, crop, result.notes);
  execution.control.step(0.7);
  if (found.reach > 0) clear_edge_colours(picture, mask, crop, found.reach, execution.control);
  execution.control.step(0.8);
  result.foreground = {resample_square(picture, mask, crop, settings.side, execution.control.part(0.8, 1)),
                       crop};
  return result;
}

Mask mask_from_picture(const Image& picture) {
  // Paint programs save an alpha that is opaque everywhere, or everywhere except for a few pixels.
  const auto grey_of = [](const float* p) { return (p[0] + p[1] + p[2]) / 3; };
  bool is_alpha = alpha_kind(picture) != AlphaKind::kNone;
  if (picture.channels == 4 && !is_alpha) {
    // A picture of one shade shows nothing but its alpha.
    float darkest = 1, brightest = 0;
    for (size_t i = 0; i < picture.pixels.size(); i += 4) {
      darkest = std::min(darkest, grey_of(&picture.pixels[i]));
      brightest = std::max(brightest, grey_of(&picture.pixels[i]));
    }
    is_alpha = darkest >= 0.5f || brightest < 0.5f;
  }
  Mask mask(picture.width, picture.height);
  for (size_t i = 0; i < mask.values.size(); ++i) {
    const float* pixel = &picture.pixels[i * picture.channels];
    mask.values[i] = std::clamp(is_alpha ? pixel[3] : grey_of(pixel), 0.0f, 1.0f);
  }
  return mask;
}

}  // namespace relievo
