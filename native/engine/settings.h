// Every setting of a generation, with its default and its range: the only place where they stand.
#pragma once

#include <string>

namespace relievo {

enum class MaskKind { kAuto, kAlpha, kFile };

/// What a setting may be, both ends included.
template <typename T>
struct Range {
  T low;
  T high;
};
inline constexpr Range<float> kMaskThresholdRange{0.01f, 0.99f};
inline constexpr Range<int> kGridRange{8, 512};
inline constexpr Range<int> kFacesRange{0, 5'000'000};
inline constexpr int kFewestFaces = 100;  // of those that may be asked for
inline constexpr Range<float> kDepthRange{0.05f, 4.0f};
inline constexpr Range<int> kTextureSizeRange{64, 8192};

struct Settings {
  std::string model = "preview";

  MaskKind mask = MaskKind::kAuto;
  std::string mask_file;  ///< for MaskKind::kFile: a picture whose grey level (or alpha, where it has one) is
                          ///< the mask
  float mask_threshold = 0.5f;
  bool mask_invert = false;

  int grid = 128;      ///< cubes a side of the box
  float depth = 1.0f;  ///< thickness of an inflated shape; 1 turns a disc into a ball

  int faces = 0;             ///< triangles at most; 0: as many as the grid gives
  bool keep_debris = false;  ///< keeps pieces of less than a hundredth of the surface

  int texture_size = 1024;  ///< height of the albedo in texels
};

/// Throws Error{kInvalidSettings} that names the first setting out of its range.
void validate(const Settings& settings);

/// One JSON object with every field, and back. Reading refuses unknown names and wrong types with
/// Error{kInvalidSettings}; fields that are not there keep their defaults.
std::string to_json(const Settings& settings);
Settings settings_from_json(const std::string& json);

}  // namespace relievo
