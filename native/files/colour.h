// From the colours that a picture's file speaks of to sRGB's. Internal to files/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "files/formats.h"

namespace relievo::files {

/// The colour channels of a pixel: 1, 3 and 4 of them. Inks: 0 is paper, 1 is full ink.
enum class Channels { kGrey = 1, kRgb = 3, kInks = 4 };

/// CIE 1931 x and y of an RGB space's primaries and white.
struct Primaries {
  double red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y;
};
inline constexpr Primaries kSrgbPrimaries{0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290};

enum class Transfer {
  kSrgb,
  kGamma,  ///< light is the value to the power of `gamma`
  kBt709,  ///< the camera's curve of ITU-R BT.709, 601 and 2020
  kPq,     ///< SMPTE ST 2084, white at 203 candelas a square metre
  kHlg     ///< ARIB STD-B67, white at three quarters of the signal
};

/// What the numbers of a picture mean: what a file says of it, the profile before the rest.
struct ColourSpace {
  std::vector<std::byte> profile;  ///< ICC; empty: none
  Primaries primaries = kSrgbPrimaries;
  Transfer transfer = Transfer::kSrgb;
  double gamma = 1;
};

/// By the code points of ITU-T H.273 (PNG's cICP, HEIF's nclx); what is unspecified or unknown is sRGB's.
ColourSpace space_of_code_points(int primaries, int transfer);

ColourSpace adobe_rgb();

/// To the three places that files give.
bool has_srgb_primaries(const ColourSpace& space);

/// Pixels of one space to sRGB, encoded or as linear light.
class ColourConverter {
 public:
  /// A profile that is damaged or of other channels is left alone, which is noted; so is what goes beyond
  /// sRGB's white.
  ColourConverter(const Source& source, const ColourSpace& space, Channels channels, bool to_linear);
  ~ColourConverter();
  ColourConverter(const ColourConverter&) = delete;
  ColourConverter& operator=(const ColourConverter&) = delete;

  /// `count` pixels of `from_stride` floats to RGB in pixels of `to_stride` floats; may be called by several
  /// threads for different pixels. Both may be the same memory where the strides are equal.
  void convert(const float* from, size_t from_stride, float* to, size_t to_stride, size_t count) const;

 private:
  void convert_inks(const float* from, size_t from_stride, float* to, size_t to_stride, size_t count) const;

  struct Transform;
  Channels channels_;
  bool to_linear_;
  std::unique_ptr<Transform> transform_;  ///< null: the colours are sRGB's already
};

}  // namespace relievo::files
