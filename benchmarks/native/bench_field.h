// The field that the benches `surface`, `bake` and `large` mesh and colour: a triplane with random heads
// round an analytic shape, so that the surface crosses about as many cubes as real objects do.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "reconstruct/triplane_field.h"

namespace relievo {

enum class BenchShape {
  kEllipsoid,  ///< crosses 2 per cent of the cubes at a grid of 128
  kShell,      ///< round an ellipsoid: 5 per cent
};

/// The shape's signed distance at points, as the baseline computes it (benchmarks/surface.py).
at::Tensor shape_distance(const at::Tensor& points, BenchShape shape);

/// The distance is the shape's plus 0.05 times the head's; every head is evaluated in full.
class BenchField : public TriplaneMeshField {
 public:
  BenchField(at::Tensor planes, std::shared_ptr<const MeshHeads> heads, BenchShape shape);
  at::Tensor values(const at::Tensor& points) const override;
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override;

 protected:
  at::Tensor planes_;
  std::shared_ptr<const MeshHeads> heads_;
  BenchShape shape_;
};

/// The same asked as the published implementation asks, to compare with: the features of all vertices are
/// read once and held (side^3 * 3 C floats), every head has its whole width and is evaluated at every vertex
/// and cube of the grid, weights in 8 pieces, whatever the byte budget.
class DenseBenchField : public BenchField {
 public:
  using BenchField::BenchField;
  explicit DenseBenchField(const BenchField& field) : BenchField(field) {}
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override;
};

/// Planes `[3, channels, 64, 64]` and heads, random but always the same, as safetensors for both sides.
void write_bench_field(const std::filesystem::path& path, int64_t channels);
/// The number of parameters of its heads.
int64_t bench_field_parameters(int64_t channels);
BenchField read_bench_field(const std::filesystem::path& path, BenchShape shape);

}  // namespace relievo
