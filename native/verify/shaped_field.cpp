#include "verify/shaped_field.h"

#include <ATen/ATen.h>

#include "reconstruct/triplane_grid.h"

namespace relievo {
namespace {

constexpr double kHeadShare = 0.05;

class ShapedGrid : public GridField {
 public:
  ShapedGrid(std::unique_ptr<GridField> heads, at::Tensor line, RoundShape shape)
      : heads_(std::move(heads)), line_(std::move(line)), shape_(shape) {}
  at::Tensor values(int64_t first, int64_t last) const override {
    const at::Tensor of_heads = heads_->values(first, last) * kHeadShare;
    const at::Tensor points = line_positions(line_, at::arange(first, last)).to(of_heads.device());
    return shape_distance(points, shape_) + of_heads;
  }
  at::Tensor deformation(const at::Tensor& vertices) const override { return heads_->deformation(vertices); }
  at::Tensor cube_weights(const at::Tensor& corners) const override { return heads_->cube_weights(corners); }
  bool cubes_are_narrow() const override { return heads_->cubes_are_narrow(); }
  int64_t held_bytes() const override { return heads_->held_bytes(); }

 private:
  std::unique_ptr<GridField> heads_;
  at::Tensor line_;
  RoundShape shape_;
};

}  // namespace

at::Tensor shape_distance(const at::Tensor& points, RoundShape shape) {
  const bool is_shell = shape == RoundShape::kShell;
  const at::Tensor axes =
      is_shell ? at::tensor({0.92, 0.86, 0.8}, at::kFloat) : at::tensor({0.85, 0.77, 0.7}, at::kFloat);
  const at::Tensor distance = ((points / axes.to(points.device())).square().sum(-1).sqrt() - 1) * 0.8;
  return is_shell ? distance.abs() - 0.08 : distance;
}

ShapedMeshField::ShapedMeshField(at::Tensor planes, std::shared_ptr<const MeshHeads> heads, RoundShape shape)
    : TriplaneMeshField(planes, heads), planes_(std::move(planes)), heads_(std::move(heads)), shape_(shape) {}

at::Tensor ShapedMeshField::values(const at::Tensor& points) const {
  return shape_distance(points, shape_) + TriplaneMeshField::values(points) * kHeadShare;
}

std::unique_ptr<GridField> ShapedMeshField::on_grid(const at::Tensor& line, int64_t byte_budget) const {
  // Point by point it is this field that is asked, shape and all.
  if (triplane_on_grid_bytes(planes_, line.size(0)) > byte_budget) return on_grid_by_points(line);
  return shaped(TriplaneMeshField::on_grid(line, byte_budget), line);
}

std::unique_ptr<GridField> ShapedMeshField::shaped(std::unique_ptr<GridField> heads,
                                                   const at::Tensor& line) const {
  return std::make_unique<ShapedGrid>(std::move(heads), line, shape_);
}

}  // namespace relievo
