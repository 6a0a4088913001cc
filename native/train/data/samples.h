// What is learnt from one object: pictures, and what is where in the box behind each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/control.h"
#include "base/image.h"
#include "train/data/object.h"

namespace relievo {

struct SampleSettings {
  int views = 4;           ///< 1..64; of six views, that many turnings of the object
  int picture_side = 128;  ///< 32..512
  int depth_side = 64;     ///< 16..256
  bool six_views = false;  ///< makes what train/data/six_views.h says instead
};

/// The points of a view, by where they are drawn. Inside the silhouette means before, in and behind the
/// object: these teach that it ends.
inline constexpr int kPointsNearSurface = 500, kPointsInBox = 160, kPointsOutsideSilhouette = 100,
                     kPointsInsideSilhouette = 600;
inline constexpr int kPointsOfView =
    kPointsNearSurface + kPointsInBox + kPointsOutsideSilhouette + kPointsInsideSilhouette;

/// Lengths in the box are kept as int16 in units of 1/16384; kNothing stands for a depth that is not there.
inline constexpr float kSampleUnit = 1.0f / 16384;
inline constexpr int16_t kNothing = INT16_MIN;

/// A length as it is kept; what is longer than 1.999 is cut.
int16_t in_sample_units(float length);

/// All lengths are in the view's box (train/data/view_frame.h).
struct ViewSample {
  ByteImage picture;  ///< [S, S, 4] sRGB-encoded, straight alpha
  /// [D, D, 4] x of front and back of the first and of the second interval that a pixel's ray is inside.
  std::vector<int16_t> depths;
  std::vector<int16_t> points;     // [kPointsOfView, 3]
  std::vector<int16_t> distances;  // [kPointsOfView] negative inside
  std::vector<uint8_t> colours;    // [kPointsOfView, 3] sRGB of the nearest seen surface, unlit
  float elevation = 0;             ///< radians
  float fov = 0;                   ///< radians
  float distance = 0;              ///< of the camera from the object's origin, in box units
};

/// Makes all views of an object, which is normalised first. The same object, settings and seed give the same
/// samples. Throws what normalise() and ViewFrame::draw() do, Error{kEmptySurface} for an object of which
/// nothing is inside, Error{kCancelled}.
std::vector<ViewSample> make_samples(Object& object, const SampleSettings& settings, uint64_t seed,
                                     const CancelToken& cancel = {});

/// Writes views `[V, ...]` as a safetensors file, whole or not at all: `picture` U8 [V, S, S, 4], `depths`
/// I16 [V, D, D, 4], `points` I16 [V, P, 3], `distances` I16 [V, P], `colours` U8 [V, P, 3], `camera` F32 [V,
/// 3] (elevation, field of view, distance).
void write_samples(const std::filesystem::path& path, const std::vector<ViewSample>& views);

}  // namespace relievo
