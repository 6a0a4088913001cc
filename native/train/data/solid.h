// The inside of an object that need not be closed: inside is what nobody outside can see. Faces with the
// outside on both sides are sheets, which are given a thickness; faces that nobody sees do not count.
#pragma once

#include <cstdint>
#include <vector>

#include "base/mesh.h"
#include "train/data/random.h"
#include "train/data/rays.h"

namespace relievo {

/// The thickness that sheets get, in units of the box -0.5..0.5 that an object fills.
inline constexpr float kSheetThickness = 0.008f;

/// Which sides of a face are seen from outside. The front is the side to which its corners turn
/// counter-clockwise.
struct SeenSides {
  bool front = false;
  bool back = false;
  bool any() const { return front || back; }
  bool is_sheet() const { return front && back; }
};

/// Finds the seen sides of each face by rays from points on it (16 to 48 a side, by the number of faces): a
/// side is seen where two of them leave the object. Deterministic for the same surface and seed.
std::vector<SeenSides> find_seen_sides(const Surface& surface, uint64_t seed);

/// Signed distance and what is nearest. `rays` holds the seen faces of `surface` alone.
class Solid {
 public:
  /// `thickness` of sheets in units of `surface`. Refers to its arguments, which must outlive it.
  Solid(const Surface& surface, const std::vector<SeenSides>& sides, float thickness);

  struct Answer {
    float distance = 0;  ///< negative inside
    SurfacePoint nearest;
  };
  /// Throws Error{kEmptySurface} where no face is seen.
  Answer at(const Float3& point, Random& random) const;

  /// Where a ray is inside, from its origin on, in units of `direction`: at most `most` intervals, in order.
  /// Gaps narrower than the sheets' thickness are closed. An interval ends only where the outside begins: one
  /// part that sticks in another is one with it.
  struct Interval {
    float begin = 0;
    float end = 0;
  };
  std::vector<Interval> along(const Float3& origin, const Float3& direction, size_t most,
                              Random& random) const;

  const Rays& rays() const { return rays_; }

 private:
  bool is_outside(const Float3& point, Random& random) const;

  const Surface& surface_;
  const std::vector<SeenSides>& sides_;
  float thickness_;
  Rays rays_;
};

}  // namespace relievo
