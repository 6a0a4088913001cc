#include "foreground/foreground.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/parallel.h"
#include "foreground/islands.h"
#include "foreground/square.h"
#include "foreground/subject_map.h"

namespace relievo {
namespace {

constexpr double kSubjectShare = 0.85;  // of the square's side
constexpr float kLeastCertain = 0.5f;
constexpr int64_t kGrain = 1 << 16;

bool all_finite(const std::vector<float>& values) {
  std::atomic<bool> finite = true;
  parallel_for(static_cast<int64_t>(values.size()), kGrain, [&](int64_t first, int64_t last) {
    // A sum of zeros, unless an infinity or a NaN is among them.
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
  // Written so that a NaN is refused.
  if (!(settings.threshold > 0 && settings.threshold < 1)) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The mask's threshold is {}; it must lie between 0 and 1.", settings.threshold));
  }
  if (settings.side < 1)
    throw Error(ErrorCode::kInvalidSettings, "The cut-out must have at least one pixel.");
}

/// Whether the alpha channel cuts something out. A few see-through pixels do not: many opaque pictures have
/// softened corners.
bool cuts_something_out(const Image& picture) {
  constexpr size_t kOneIn = 200;  // pixels
  if (picture.channels != 4) return false;
  size_t transparent = 0;
  for (size_t i = 3; i < picture.pixels.size(); i += 4) transparent += picture.pixels[i] < 0.5f;
  return transparent * kOneIn >= picture.pixels.size() / 4;
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

Mask given_mask(const std::optional<Mask>& given, int width, int height) {
  if (!given) throw Error(ErrorCode::kInvalidSettings, "There is no mask.", "Name the mask's file.");
  if (given->values.empty() || !all_finite(given->values)) {
    throw Error(ErrorCode::kInvalidImage, "The mask is empty or holds values that are not finite numbers.",
                "Bring a picture whose bright parts are the subject.");
  }
  return resized(*given, width, height);
}

Mask network_mask(const Image& picture, U2Net* network, const Execution& execution) {
  if (!network) {
    throw Error(ErrorCode::kModelMissing, "The network that finds the subject is missing.",
                "Install Relievo again, bring a mask, or choose a picture with an alpha channel.");
  }
  const Mask map = subject_map(colour_bytes(picture), *network, execution);
  if (*std::max_element(map.values.begin(), map.values.end()) < kLeastCertain) {
    throw Error(
        ErrorCode::kNoSubject, "No subject stands out in the picture.",
        "Choose a picture of one clear subject, bring a mask, or cut the subject out (alpha channel).");
  }
  return resized(stretched(map), picture.width, picture.height);
}

Mask mask_of(const Image& picture, const ForegroundSettings& settings, const std::optional<Mask>& given,
             U2Net* network, const Execution& execution) {
  switch (settings.source) {
    case MaskSource::kGiven:
      return given_mask(given, picture.width, picture.height);
    case MaskSource::kAlpha:
      return alpha_of(picture);
    case MaskSource::kAuto:
      return cuts_something_out(picture) ? alpha_of(picture) : network_mask(picture, network, execution);
  }
  throw Error(ErrorCode::kInternal, "Unknown source of a mask.");
}

/// Clamps, inverts if asked to, and bends the values so that the threshold becomes kOutline, 0 and 1 staying
/// where they are.
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

}  // namespace

Foreground cut_out(const Image& picture, const ForegroundSettings& settings, const std::optional<Mask>& given,
                   U2Net* network, const Execution& execution) {
  check_settings(settings);
  check_picture(picture);
  execution.control.step(0.1);
  Mask mask = mask_of(picture, settings, given, network, execution);
  execution.control.step(0.7);
  settle(mask, settings);
  const std::optional<PixelBox> box = subject_box(mask);
  if (!box) {
    throw Error(ErrorCode::kNoSubject,
                fmt::format("Nothing of the mask reaches the threshold of {:.2f}.", settings.threshold),
                settings.invert ? "Lower the threshold, or do not invert the mask."
                                : "Lower the threshold, or invert the mask.");
  }
  const Crop crop = square_around(*box);
  execution.control.step(0.8);
  return {resample_square(picture, mask, crop, settings.side, execution.control.part(0.8, 1)), crop};
}

}  // namespace relievo
