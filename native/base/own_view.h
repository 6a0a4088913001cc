// The one type for every way of giving several pictures of an object: a picture with its camera. Grids,
// names of files, lists and entries of manifests are notations for it (engine/own_views.h).
//
// The model box's axes (base/camera.h): azimuth 0 sees the object's front, +X; azimuth 90 sees it from +Y,
// which is where the front picture's right is. Pictures are square, or are taken for the square around them.
// All of them look at the origin and show the object at the same size in proportion to the picture.
#pragma once

#include <optional>
#include <string>

#include "base/camera.h"
#include "base/numbers.h"

namespace relievo {

inline constexpr Range<double> kAzimuthRange{-360, 360};
inline constexpr Range<double> kElevationRange{-90, 90};
inline constexpr Range<double> kFovRange{5, 120};

/// The field of view, in degrees, and the distance of the cameras that InstantMesh is told of.
inline constexpr double kTrainedFov = 30, kTrainedRadius = 4;

struct OwnView {
  std::string picture;
  /// A picture whose grey level (or alpha, where it has one) is the mask; where it is empty, the picture's
  /// alpha is, or what the mask network finds.
  std::string mask = {};
  /// In degrees; none where no camera is known.
  std::optional<double> azimuth = {};
  double elevation = 0;       ///< degrees; 90 looks straight down
  double fov = kTrainedFov;   ///< degrees that the picture's longer side spans
  bool orthographic = false;  ///< seen from far away; the field of view has no meaning then

  bool has_camera() const { return azimuth.has_value(); }
  friend bool operator==(const OwnView&, const OwnView&) = default;
};

/// Takes the camera from the picture's name where the view has none: `cup_az030_el20.png`, with `_el20`,
/// `_fov50` or `_ortho` left out where they are 0, 30 and no; or `cup_front.png` for a side (base/side.h).
OwnView with_camera_of_name(OwnView view);

/// Throws Error{kInvalidSettings} for an angle out of range, naming the view.
void check_camera(const OwnView& view);

/// Returns whether both see the object from the same direction, to a tenth of a degree.
bool have_same_camera(const OwnView& a, const OwnView& b);

/// Returns whether the camera of the `frame`-fold square (camera_of) is near those that InstantMesh's authors
/// say that they trained with: a field of view of 30 or 50 degrees (20 to 60 count as near), and elevations
/// of about -22 to 53 (heights of -0.75 to 1.6 at distances of 2 to 3.5), from any azimuth
/// (TencentARC/InstantMesh, issues 13 and 66).
bool is_as_trained(const OwnView& view, double frame);

/// Camera-to-world at these angles around the origin, which it looks at. Straight above, the picture's up is
/// where a camera that climbs along its azimuth has it.
Matrix4 orbit_pose(double azimuth_degrees, double elevation_degrees, double radius);

/// The camera of a view of which the `frame`-fold square around its centre is kept (less than 1 is a crop).
/// Its distance is such that the picture spans at the origin what InstantMesh's pictures span there,
/// 2 * 4 tan(15 degrees) = 2.14, whatever the field of view is. An orthographic view gets the camera of 30
/// degrees that spans the same.
CameraVector camera_of(const OwnView& view, double frame);

}  // namespace relievo
