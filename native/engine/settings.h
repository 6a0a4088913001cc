// Every setting of a generation, with its default and its range. They stand nowhere else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/numbers.h"
#include "base/own_view.h"

namespace relievo {

enum class MaskKind { kAuto, kAlpha, kFile };

inline constexpr Range<float> kMaskThresholdRange{0.01f, 0.99f};
inline constexpr Range<int> kSubjectRange{0, 99};
inline constexpr Range<int> kViewCountRange{4, 6};
inline constexpr Range<int> kSeedRange{0, 2147483647};
inline constexpr Range<int> kStepsRange{1, 1000};
inline constexpr Range<float> kGuidanceRange{1.0f, 30.0f};
inline constexpr Range<int> kInputSizeRange{64, 512};
// Multiple of the image encoder's patches, and of the latents, which are an eighth of the view and halved
// again.
inline constexpr int kInputSizeStep = 16;
inline constexpr Range<int> kGridRange{8, 512};
inline constexpr Range<int> kFacesRange{0, 5'000'000};
inline constexpr int kFewestFaces = 100;  // the least number that may be asked for
inline constexpr Range<float> kDebrisRange{0.0f, 1.0f};
inline constexpr Range<float> kDepthRange{0.05f, 4.0f};
inline constexpr Range<int> kTextureSizeRange{64, 8192};

/// The model that needs no weights except the mask network's.
inline constexpr const char* kPreviewModel = "preview";

/// The compact network of `relievo-train` (docs/training.md). No weights of it are shipped: it works where
/// somebody has put some.
inline constexpr const char* kCompactModel = "compact";

/// Returns whether a model sees views of the object, painted or the person's own; otherwise it only sees the
/// picture.
bool sees_views(const std::string& model);

struct Settings {
  /// This, or a reconstruction model of the catalogue (weights/catalogue.h).
  std::string model = kPreviewModel;

  MaskKind mask = MaskKind::kAuto;
  /// For MaskKind::kFile: a picture whose grey level (or alpha, where it has one) is the mask.
  std::string mask_file;
  float mask_threshold = 0.5f;
  bool mask_invert = false;
  /// Which of several separate subjects, in reading order from 1 on; 0 takes all of them as one.
  int subject = 0;

  /// The person's own pictures of several views, in any of the notations of engine/own_views.h. Where there
  /// are none, the diffusion paints them for models that see several; `preview` takes those of sides
  /// (base/side.h), and its picture counts as the front where none of them does.
  std::vector<OwnView> views;
  /// The sides that the figures of the picture show, in reading order with commas in between, where the
  /// picture is a turnaround sheet: `front,right,back`. Empty where it shows one subject.
  std::string sheet;
  /// The colours of the back that no picture shows, with `preview`: `mirror` repeats the front, `fill`
  /// continues what the front's outline shows, `auto` fills where the front has features of its own.
  std::string back = "auto";

  // These are for models that see several views.
  /// The number that the reconstruction sees of painted views, of a grid and of six: 6, or 4 of them. Other
  /// numbers of own views are seen as a whole.
  int view_count = 6;
  int seed = 42;
  int steps = 75;  ///< steps of the diffusion
  std::string sampler = "euler-ancestral";
  float guidance = 4.0f;
  int input_size = 320;  ///< pixels a side of each view; less needs less memory
  /// `auto`, `fp32`, `bf16` or `fp16`, or by stage: `multiview=bf16,reconstruct=fp32`.
  std::string precision = "auto";

  int grid = 128;  ///< cubes a side of the box
  /// What `preview` makes of one picture: `inflate`, or `extrude` for flat drawings: a plate with round
  /// edges.
  std::string shape = "inflate";
  float depth = 1.0f;  ///< thickness of an inflated shape; 1 turns a disc into a ball

  int faces = 0;  ///< most triangles; 0 keeps as many as the grid gives
  /// Parts with less than this share of the surface's area are dropped; 0 drops none.
  float debris = 0.01f;
  /// Leaves a shape that reaches the box open there, instead of closing it.
  bool open_at_box = false;

  int texture_size = 1024;  ///< texels a side of the albedo
  /// Projection of the pictures onto the texture: `auto` (for `preview`), `on` or `off`.
  std::string projection = "auto";
  /// Keeps the detail that simplification (`faces`) took away in a normal map.
  bool normal_map = false;
  /// Also stores the field's colour at each vertex (in PLY files and in Blender).
  bool vertex_colours = false;
};

/// The precision that `precision` gives a stage: `auto`, `fp32`, `bf16` or `fp16`. Throws
/// Error{kInvalidSettings} for a text that it cannot read.
std::string stage_precision(std::string_view precision, std::string_view stage);

/// Throws Error{kInvalidSettings} that names a number out of its range.
void check_range(const char* name, int value, Range<int> range);

/// Throws Error{kInvalidSettings} that names the first setting out of its range.
void validate(const Settings& settings);

/// Writes every field as one JSON object, and reads it again. Reading refuses unknown names and wrong types
/// with Error{kInvalidSettings}; fields that are not there keep their defaults.
std::string to_json(const Settings& settings);
Settings settings_from_json(const std::string& json);

/// Describes the settings as a JSON object: for each its `default` and, where it has them, `min`, `max`,
/// `choices`. The mask's kind and file are one setting, `mask`, as on the command line.
std::string describe_settings();

}  // namespace relievo
