// The picture of an object as a photograph has it, cut out: random lights, shadows that parts cast on each
// other and the ground on them, highlights.
#pragma once

#include <vector>

#include "base/image.h"
#include "train/data/object.h"
#include "train/data/random.h"
#include "train/data/rays.h"
#include "train/data/view_frame.h"

namespace relievo {

/// One normal a corner: the faces' at a vertex, smoothed over edges that bend by less than 40 degrees.
std::vector<std::array<Float3, 3>> corner_normals(const Surface& surface);

/// Lights that are drawn at random: a key light of some size (the sun, a window), a sky that is brighter on
/// one side, the ground's reflection, and how bright the picture is exposed.
struct Lights {
  Float3 key_direction{}, key_colour{};
  float key_size = 0.1f;  ///< tangent of the angle that it is seen under, halved
  Float3 sky_colour{}, horizon_colour{}, ground_colour{};
  Float3 bright_side{};
  float exposure = 0.45f;  ///< the subject's mean brightness in the picture, sRGB-encoded
  /// The colour behind the subject, which its border pixels are mixed with; transparent pictures have none.
  bool has_ground_behind = false;
  Float3 behind{};

  static Lights draw(Random& random, const ViewFrame& frame);
};

/// The object stands on the ground at its lowest point.
struct Scene {
  const Object& object;
  const Rays& rays;  ///< all faces of the object
  const std::vector<std::array<Float3, 3>>& normals;
};

/// Renders `side` squared RGBA, straight alpha, sRGB-encoded, with four rays a pixel and about ten more for
/// the light of each that meets the object. Colours are 0 where alpha is.
ByteImage render_picture(const Scene& scene, const ViewFrame& frame, const Lights& lights, int side,
                         Random& random);

}  // namespace relievo
