// A camera that looks at an object, and the model box that belongs to its picture.
//
// The box (axes: base/mesh.h) is aligned with the view: x towards the camera, y to the picture's right, z up
// in the picture, and what a pixel shows lies at the pixel's y and z however far away it is. Perspective is
// straightened for that by a projective map, which keeps triangles triangles: with the camera on the x axis
// at distance D from the origin, p becomes p D / (D - x). Then the box is scaled and moved so that the
// subject's longer side in the picture is 0.85 of the square's, as a Foreground has it, and its depth is
// centred on 0.
#pragma once

#include <array>

#include "base/mesh.h"
#include "train/data/random.h"

namespace relievo {

/// The side of the subject in the box -1..1: 0.85 of the square's.
inline constexpr float kSubjectSide = 1.7f;

class ViewFrame {
 public:
  /// A camera at these angles (radians; azimuth 0 is +X, elevation pi / 2 is +Z) and at `distance` from the
  /// origin, which must be in front of all of `surface`. Throws Error{kInvalidSettings} where it is not.
  ViewFrame(const Surface& surface, float azimuth, float elevation, float fov, float distance);

  /// Azimuth at random, elevation -10..50 degrees, field of view 15..50 degrees, a distance from which the
  /// object fills 0.5 to 0.95 of the picture. Draws again where the object would be deeper than the box.
  /// Throws Error{kInvalidSettings} where it always is.
  static ViewFrame draw(const Surface& surface, Random& random);

  /// A camera at these angles and at `distance` from the origin, whose whole picture is the box at the
  /// origin's depth: nothing is scaled to the object.
  static ViewFrame whole_picture(float azimuth, float elevation, float fov, float distance);

  Float3 to_box(const Float3& object_point) const;
  Float3 from_box(const Float3& box_point) const;
  /// The surface in the box, same order.
  Surface to_box(const Surface& surface) const;
  /// A vertex's weight in the map, by which a point's corner weights in the box are multiplied (and divided
  /// by their sum) to be those in the object.
  float stretch_at(const Float3& object_point) const;

  /// The ray from the camera through the box's (y, z); in the object's space.
  struct PixelRay {
    Float3 origin;
    Float3 direction;
  };
  PixelRay pixel_ray(float y, float z) const;

  float elevation() const { return elevation_; }
  float fov() const { return fov_; }
  float scale() const { return scale_; }            ///< box units in one of the object's, at the origin
  float distance() const { return distance_; }      ///< of the camera from the origin, in the object's units
  const Float3& centre() const { return centre_; }  ///< the box's, in straightened view axes

 private:
  ViewFrame(float azimuth, float elevation, float fov, float distance);

  Float3 in_view(const Float3& object_point) const;
  Float3 straightened(const Float3& object_point) const;

  float elevation_, fov_, distance_;
  std::array<Float3, 3> axes_;  // x, y, z of the view, in the object's space
  float scale_ = 1;
  Float3 centre_{};
  float depth_ = 0;
};

}  // namespace relievo
