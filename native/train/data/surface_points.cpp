#include "train/data/surface_points.h"

#include <algorithm>

#include "base/error.h"
#include "base/vectors.h"

namespace relievo {

SurfacePoints::SurfacePoints(const Surface& surface, const std::vector<SeenSides>& sides)
    : surface_(surface) {
  double sum = 0;
  for (size_t i = 0; i < surface.faces.size(); ++i) {
    if (sides.empty() || sides[i].any()) sum += length(area_normal(surface, surface.faces[i]));
    sums_.push_back(sum);
  }
  if (!(sum > 0)) {
    throw Error(ErrorCode::kEmptySurface, "No face of the object is seen from outside.",
                "Give a mesh with a surface.");
  }
}

SurfacePoints::Drawn SurfacePoints::draw(Random& random) const {
  const double wanted = random.share() * sums_.back();
  const auto place = std::ranges::upper_bound(sums_, wanted) - sums_.begin();
  const auto face = static_cast<int32_t>(std::min<int64_t>(place, static_cast<int64_t>(sums_.size()) - 1));
  return {point_of_face(surface_, surface_.faces[face], random), face};
}

Float3 point_of_face(const Surface& surface, const Int3& face, Random& random) {
  float u = random.share(), v = random.share();
  if (u + v > 1) {
    u = 1 - u;
    v = 1 - v;
  }
  Float3 place{};
  for (size_t axis = 0; axis < 3; ++axis) {
    place[axis] = (1 - u - v) * surface.vertices[face[0]][axis] + u * surface.vertices[face[1]][axis] +
                  v * surface.vertices[face[2]][axis];
  }
  return place;
}

}  // namespace relievo
