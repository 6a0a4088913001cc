// Points of a surface, uniform over its area.
#pragma once

#include <utility>
#include <vector>

#include "base/mesh.h"
#include "train/data/random.h"
#include "train/data/solid.h"

namespace relievo {

class SurfacePoints {
 public:
  /// Of the seen faces alone, where `sides` says which these are. Refers to the surface. Throws
  /// Error{kEmptySurface} where there is no area.
  explicit SurfacePoints(const Surface& surface, const std::vector<SeenSides>& sides = {});

  struct Drawn {
    Float3 place;
    int32_t face;
  };
  Drawn draw(Random& random) const;

 private:
  const Surface& surface_;
  std::vector<double> sums_;  // areas up to each face
};

/// Uniform on one triangle.
Float3 point_of_face(const Surface& surface, const Int3& face, Random& random);

}  // namespace relievo
