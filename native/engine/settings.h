// Every setting of a generation, with its default and its range: the only place where they stand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/numbers.h"

namespace relievo {

enum class MaskKind { kAuto, kAlpha, kFile };

inline constexpr Range<float> kMaskThresholdRange{0.01f, 0.99f};
inline constexpr Range<int> kViewCountRange{4, 6};
inline constexpr Range<int> kSeedRange{0, 2147483647};
inline constexpr Range<int> kStepsRange{1, 1000};
inline constexpr Range<float> kGuidanceRange{1.0f, 30.0f};
inline constexpr Range<int> kInputSizeRange{64, 512};
inline constexpr int kInputSizeStep = 16;  // patches of the image encoder, and twice the latents' eighth
inline constexpr Range<int> kGridRange{8, 512};
inline constexpr Range<int> kFacesRange{0, 5'000'000};
inline constexpr int kFewestFaces = 100;  // of those that may be asked for
inline constexpr Range<float> kDebrisRange{0.0f, 1.0f};
inline constexpr Range<float> kDepthRange{0.05f, 4.0f};
inline constexpr Range<int> kTextureSizeRange{64, 8192};

/// The model that needs no weights but the mask network's.
inline constexpr const char* kPreviewModel = "preview";

/// Whether a model sees views of the object, painted or the person's own; else the picture is all it sees.
bool sees_views(const std::string& model);

struct Settings {
  std::string model = kPreviewModel;  ///< or a reconstruction model of the catalogue (weights/catalogue.h)

  MaskKind mask = MaskKind::kAuto;
  std::string mask_file;  ///< for MaskKind::kFile: a picture whose grey level (or alpha, where it has one) is
                          ///< the mask
  float mask_threshold = 0.5f;
  bool mask_invert = false;

  // Of models that see several views:
  std::vector<std::string> views;  ///< the person's own: a picture of 3 rows x 2 columns, six pictures, or a
                                   ///< folder of six; none: the diffusion paints them
  int view_count = 6;              ///< that the reconstruction sees: 6, or 4 of them
  int seed = 42;
  int steps = 75;  ///< of the diffusion
  std::string sampler = "euler-ancestral";
  float guidance = 4.0f;
  int input_size = 320;  ///< pixels a side of each view; less needs less memory
  std::string precision =
      "auto";  ///< `auto`, `fp32`, `bf16`, `fp16`; or by stage, `multiview=bf16,reconstruct=fp32`

  int grid = 128;      ///< cubes a side of the box
  float depth = 1.0f;  ///< thickness of an inflated shape; 1 turns a disc into a ball

  int faces = 0;             ///< triangles at most; 0: as many as the grid gives
  float debris = 0.01f;      ///< pieces of less than this share of the surface's area are dropped; 0: none
  bool open_at_box = false;  ///< leaves a shape that reaches the box open there, instead of closing it

  int texture_size = 1024;          ///< texels a side of the albedo
  std::string projection = "auto";  ///< of the pictures onto the texture: `auto` (for `preview`), `on`, `off`
  bool normal_map = false;          ///< keeps what simplification (faces) took away in a normal map
  bool vertex_colours = false;      ///< the field's colour at each vertex, too (in PLY files and in Blender)
};

/// The precision that `precision` gives a stage: `auto`, `fp32`, `bf16` or `fp16`. Throws
/// Error{kInvalidSettings} for words that it cannot read.
std::string stage_precision(std::string_view precision, std::string_view stage);

/// Throws Error{kInvalidSettings} that names a number out of its range.
void check_range(const char* name, int value, Range<int> range);

/// Throws Error{kInvalidSettings} that names the first setting out of its range.
void validate(const Settings& settings);

/// One JSON object with every field, and back. Reading refuses unknown names and wrong types with
/// Error{kInvalidSettings}; fields that are not there keep their defaults.
std::string to_json(const Settings& settings);
Settings settings_from_json(const std::string& json);

/// A JSON object: of each setting its `default` and, where it has them, `min`, `max`, `choices`. The mask's
/// kind and file are one setting, `mask`, as on the command line.
std::string describe_settings();

}  // namespace relievo
