// Converts the colours of a picture's file to sRGB. Internal to files/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "files/formats.h"

namespace relievo::files {

/// The colour channels of a pixel: 1, 3 or 4 of them. For inks, 0 is paper and 1 is full ink.
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

/// The meaning of a picture's numbers, as the file states it; the profile takes precedence.
struct ColourSpace {
  std::vector<std::byte> profile;  ///< an ICC profile; empty where there is none
  Primaries primaries = kSrgbPrimaries;
  Transfer transfer = Transfer::kSrgb;
  double gamma = 1;
};

/// The space with these code points of ITU-T H.273 (PNG's cICP, HEIF's nclx); an unspecified or unknown code
/// is taken as sRGB's.
ColourSpace space_of_code_points(int primaries, int transfer);

ColourSpace adobe_rgb();

/// Returns whether the primaries are sRGB's, to the three decimals that files give.
bool has_srgb_primaries(const ColourSpace& space);

/// Converts pixels of one space to sRGB, encoded or as linear light.
class ColourConverter {
 public:
  /// A profile that is damaged or for other channels is ignored, which is noted; colours beyond sRGB's white
  /// are noted as well.
  ColourConverter(const Source& source, const ColourSpace& space, Channels channels, bool to_linear);
  ~ColourConverter();
  ColourConverter(const ColourConverter&) = delete;
  ColourConverter& operator=(const ColourConverter&) = delete;

  /// Converts `count` pixels of `from_stride` floats to RGB in pixels of `to_stride` floats. Several threads
  /// may call it for different pixels. Both may be the same memory where the strides are equal.
  void convert(const float* from, size_t from_stride, float* to, size_t to_stride, size_t count) const;

 private:
  void convert_inks(const float* from, size_t from_stride, float* to, size_t to_stride, size_t count) const;

  struct Transform;
  Channels channels_;
  bool to_linear_;
  std::unique_ptr<Transform> transform_;  ///< null where the colours are sRGB's already
};

}  // namespace relievo::files
