#include "train/data/solid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "train/data/surface_points.h"

namespace relievo {
namespace {

constexpr float kNever = std::numeric_limits<float>::infinity();

std::vector<bool> seen_faces(const std::vector<SeenSides>& sides) {
  std::vector<bool> seen;
  for (const SeenSides& side : sides) seen.push_back(side.any());
  return seen;
}

Float3 moved(const Float3& from, const Float3& direction, float distance) {
  return {from[0] + distance * direction[0], from[1] + distance * direction[1],
          from[2] + distance * direction[2]};
}

/// Whether two of `count` rays from places on the face's side leave the object.
bool is_side_seen(const Surface& surface, const Rays& rays, const Int3& face, const Float3& normal, int count,
                  Random& random) {
  int leaving = 0;
  for (int i = 0; i < count; ++i) {
    const Float3 place = point_of_face(surface, face, random);
    if (rays.is_blocked(moved(place, normal, 1e-4f), random.cosine_direction(normal), 0, kNever)) continue;
    if (++leaving == 2) return true;
  }
  return false;
}

}  // namespace

std::vector<SeenSides> find_seen_sides(const Surface& surface, uint64_t seed) {
  const Rays rays(surface);
  const int count = std::clamp(static_cast<int>(300'000 / surface.faces.size()), 16, 48);
  Random random(seed);
  std::vector<SeenSides> sides(surface.faces.size());
  for (size_t i = 0; i < sides.size(); ++i) {
    const Int3& face = surface.faces[i];
    const Float3 normal = unit(area_normal(surface, face));
    sides[i].front = is_side_seen(surface, rays, face, normal, count, random);
    sides[i].back = is_side_seen(surface, rays, face, scaled(normal, -1), count, random);
  }
  return sides;
}

Solid::Solid(const Surface& surface, const std::vector<SeenSides>& sides, float thickness)
    : surface_(surface), sides_(sides), thickness_(thickness), rays_(surface, seen_faces(sides)) {}

bool Solid::is_outside(const Float3& point, Random& random) const {
  constexpr int kRays = 48, kSure = 4;
  int leaving = 0;
  for (int i = 0; i < kRays; ++i) {
    if (rays_.is_blocked(point, random.direction(), 1e-5f, kNever)) continue;
    if (++leaving == kSure) return true;
  }
  if (leaving == 0) return false;
  // A narrow way out, or a crack: the side of the nearest face decides.
  const std::optional<SurfacePoint> nearest = rays_.nearest(point);
  if (!nearest) return true;
  const Int3& face = surface_.faces[nearest->face];
  const bool is_in_front = dot(area_normal(surface_, face), minus(point, surface_.vertices[face[0]])) >= 0;
  return is_in_front ? sides_[nearest->face].front : sides_[nearest->face].back;
}

Solid::Answer Solid::at(const Float3& point, Random& random) const {
  const std::optional<SurfacePoint> nearest = rays_.nearest(point);
  if (!nearest) {
    throw Error(ErrorCode::kEmptySurface, "No face of the object is seen from outside.",
                "Give a mesh with a surface.");
  }
  const float distance = nearest->distance;
  if (sides_[nearest->face].is_sheet()) return {distance - thickness_ / 2, *nearest};
  return {is_outside(point, random) ? distance : -distance, *nearest};
}

std::vector<Solid::Interval> Solid::along(const Float3& origin, const Float3& direction, size_t most,
                                          Random& random) const {
  // In units of the direction.
  const float half = thickness_ / 2 / length(direction);
  std::vector<Interval> found;
  const auto add = [&](float begin, float end) {
    if (!found.empty() && begin <= found.back().end + 2 * half) {
      found.back().end = std::max(found.back().end, end);
    } else {
      found.push_back({begin, end});
    }
  };
  float entered = -1, last = 0, near = 0;
  constexpr int kMostFaces = 256;
  for (int i = 0; i < kMostFaces && found.size() <= most; ++i) {
    const std::optional<SurfacePoint> hit = rays_.first(origin, direction, near);
    if (!hit) break;
    near = hit->distance + 1e-5f;
    const bool meets_front = dot(area_normal(surface_, surface_.faces[hit->face]), direction) < 0;
    const SeenSides& sides = sides_[hit->face];
    const bool before = meets_front ? sides.front : sides.back;
    const bool after = meets_front ? sides.back : sides.front;
    last = hit->distance;
    if (before && after) {
      if (entered < 0) add(last - half, last + half);
    } else if (before) {
      if (entered < 0) entered = last;
    } else if (entered >= 0) {
      if (!is_outside(moved(origin, direction, last + half / 2), random)) continue;
      add(entered, last);
      entered = -1;
    } else {
      add(last - half, last + half);  // a way in that is no wider than a ray's slack
    }
  }
  if (entered >= 0 && last > entered) add(entered, last);
  if (found.size() > most) found.resize(most);
  return found;
}

}  // namespace relievo
