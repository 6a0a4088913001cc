// Rays and nearest points on triangles, answered by Embree (Wald et al. 2014, "Embree: A Kernel Framework for
// Efficient CPU Ray Tracing").
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/mesh.h"

namespace relievo {

/// A point of a face.
struct SurfacePoint {
  int32_t face = -1;
  float distance = 0;  ///< along the ray in units of its direction, or from the point asked about
  Float3 weights{};    ///< of the corners; sum 1
};

class Rays {
 public:
  /// Takes the faces of `surface` that `is_taken` says (all, where it is empty); later answers name faces by
  /// their place in `surface`. Nothing is kept of either. Throws Error{kOutOfMemory}.
  explicit Rays(const Surface& surface, const std::vector<bool>& is_taken = {});
  ~Rays();
  Rays(const Rays&) = delete;
  Rays& operator=(const Rays&) = delete;

  // These may be asked on several threads at once.

  /// The first face that the ray from `origin` meets at more than `near` times `direction`; both sides count.
  std::optional<SurfacePoint> first(const Float3& origin, const Float3& direction, float near = 0) const;
  /// Whether the ray meets any face between `near` and `far`.
  bool is_blocked(const Float3& origin, const Float3& direction, float near, float far) const;
  /// The nearest point of all faces; none where there is no face.
  std::optional<SurfacePoint> nearest(const Float3& point) const;

 private:
  struct Scene;
  std::unique_ptr<Scene> scene_;
};

}  // namespace relievo
