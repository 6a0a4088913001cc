// A mesh model's field round an analytic shape: random heads have no surface of their own.
#pragma once

#include "reconstruct/triplane_field.h"

namespace relievo {

enum class RoundShape {
  kEllipsoid,  ///< crosses 2 per cent of the cubes at a grid of 128
  kShell,      ///< round an ellipsoid: 5 per cent
};

/// The shape's signed distance `[N]` at points `[N, 3]`, as the baseline computes it (benchmarks/surface.py).
at::Tensor shape_distance(const at::Tensor& points, RoundShape shape);

/// The distance is the shape's plus 0.05 times the head's; every head is evaluated in full.
class ShapedMeshField : public TriplaneMeshField {
 public:
  ShapedMeshField(at::Tensor planes, std::shared_ptr<const MeshHeads> heads, RoundShape shape);
  at::Tensor values(const at::Tensor& points) const override;
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override;

 protected:
  /// Adds the shape's distance to that of heads on a grid.
  std::unique_ptr<GridField> shaped(std::unique_ptr<GridField> heads, const at::Tensor& line) const;

  at::Tensor planes_;
  std::shared_ptr<const MeshHeads> heads_;

 private:
  RoundShape shape_;
};

}  // namespace relievo
