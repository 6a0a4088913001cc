// What InstantMesh's models learn from: an object from the six cameras of Zero123++ (base/camera.h), and what
// is where in the model box, whose +X looks to the picture that the views belong to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "train/data/object.h"
#include "train/data/samples.h"

namespace relievo {

/// The object's distance from the middle at its farthest, in the model box: every camera sees it as a whole.
inline constexpr float kSixViewsRadius = 0.95f;

inline constexpr int kPointsOfSixViews = 1360;  ///< half of them near the surface, half in the box

struct SixViewsSample {
  std::vector<ByteImage> pictures;  // [6] of [S, S, 4] sRGB-encoded, straight alpha
  std::vector<int16_t> points;      // [kPointsOfSixViews, 3] in the model box, in sample units
  std::vector<int16_t> distances;   // [kPointsOfSixViews] negative inside
  std::vector<uint8_t> colours;     // [kPointsOfSixViews, 3] sRGB of the nearest seen surface, unlit
};

/// As make_samples(), with `settings.views` turnings of the object about its upright axis.
std::vector<SixViewsSample> make_six_views(const Object& object, const SampleSettings& settings,
                                           uint64_t seed, const CancelToken& cancel = {});

/// Writes samples `[N, ...]` as a safetensors file, whole or not at all: `picture` U8 [N, 6, S, S, 4],
/// `points` I16 [N, P, 3], `distances` I16 [N, P], `colours` U8 [N, P, 3].
void write_six_views(const std::filesystem::path& path, const std::vector<SixViewsSample>& samples);

}  // namespace relievo
