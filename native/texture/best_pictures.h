// Colours points of a surface from several pictures of it, each from the one that sees it best.
#pragma once

#include <vector>

#include "base/control.h"
#include "base/mesh.h"
#include "texture/projection.h"

namespace relievo {

/// Detail comes from one picture: from that which looks at the point most directly, where nothing lies in
/// front. What is coarse, the colour of a region, is blended over a wide border (two bands of Burt and
/// Adelson 1983, "A Multiresolution Spline"), after the pictures' exposures were evened out: each channel of
/// each picture is scaled so that regions which two of them see have one colour, unless the difference is too
/// large or too colourful to be one of exposures. The first picture stays as it is.
class BestPictures {
 public:
  /// Exposures are compared at the surface's vertices, of which `normals` are the unit normals. Throws
  /// Error{kCancelled}.
  BestPictures(std::vector<Projector> projectors, const Surface& surface, const std::vector<Float3>& normals,
               const CancelToken& cancel);

  /// Writes the colours `[count, 3]` of points with unit normals, and how well the best picture shows them,
  /// 0..1 `[count]`; where that is 0, the colour is black.
  void look(const float* points, const float* normals, int64_t count, float* colours, float* seen) const;

 private:
  struct Picture {
    Projector projector;
    Image coarse;          // the picture's low band
    Float3 gain{1, 1, 1};  // of the exposure, for colours moved by kDark
  };

  void even_exposures(const Surface& surface, const std::vector<Float3>& normals, const CancelToken& cancel);

  std::vector<Picture> pictures_;
};

/// Gives colours to vertices that have none or are uncertain of them, smoothly along the surface from those
/// around: `certain` is 0..1, one a vertex. A component of which no vertex is certain keeps its colours.
void grow_over_surface(const Surface& surface, const std::vector<float>& certain,
                       std::vector<Float3>& colours, const CancelToken& cancel);

}  // namespace relievo
