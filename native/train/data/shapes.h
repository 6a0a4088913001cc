// The solids that generated objects are made of. All are closed, look outward and are centred on the origin.
#pragma once

#include <vector>

#include "base/mesh.h"
#include "base/vectors.h"
#include "train/data/object.h"
#include "train/data/random.h"

namespace relievo {

/// A linear map and a translation: p -> x p[0] + y p[1] + z p[2] + offset.
struct Transform {
  Float3 x{1, 0, 0}, y{0, 1, 0}, z{0, 0, 1}, offset{};

  Float3 operator()(const Float3& p) const;
  /// This one after `first`.
  Transform after(const Transform& first) const;
  bool is_mirrored() const { return dot(cross(x, y), z) < 0; }
};
Transform moved_to(const Float3& place);
Transform stretched(const Float3& factors);
/// Counter-clockwise about the axis 0 (x), 1 (y) or 2 (z), in radians.
Transform turned(int axis, float angle);

/// Half the sides along each axis.
Surface box(const Float3& half);
/// |x|^(2/round_xy) ... (Barr 1981): 1 and 1 is an ellipsoid, towards 0 a box, 2 an octahedron.
Surface superquadric(const Float3& half, float round_z, float round_xy);
/// A profile of (radius > 0, z), from below to above, turned about z; flat at both ends.
Surface lathe(const std::vector<Float2>& profile, int segments = 24);
/// A polygon that its centre sees whole, counter-clockwise, from -height / 2 to height / 2 along z; the top
/// is `taper` times as large.
Surface extrusion(const std::vector<Float2>& outline, float height, float taper = 1);
/// A round bar along a path of at least two places, with the given radius at each.
Surface tube(const std::vector<Float3>& path, const std::vector<float>& radii, int segments = 10);

/// Puts parts together.
class ShapeBuilder {
 public:
  int material(const Material& material);
  void add(const Surface& part, const Transform& where, int material);
  /// Both the part and its mirror image across the plane y = 0.
  void add_mirrored(const Surface& part, const Transform& where, int material);
  Object take() { return std::move(object_); }

 private:
  Object object_;
};

}  // namespace relievo
