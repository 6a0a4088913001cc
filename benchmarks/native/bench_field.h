// The field that the benches `surface`, `bake` and `large` mesh and colour: a triplane with random heads
// round an analytic shape, so that the surface crosses about as many cubes as real objects do.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "verify/shaped_field.h"

namespace relievo {

/// The same asked as the published implementation asks, to compare with: the features of all vertices are
/// read once and held (side^3 * 3 C floats), every head has its whole width and is evaluated at every vertex
/// and cube of the grid, weights in 8 pieces, whatever the byte budget.
class DenseBenchField : public ShapedMeshField {
 public:
  using ShapedMeshField::ShapedMeshField;
  explicit DenseBenchField(const ShapedMeshField& field) : ShapedMeshField(field) {}
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override;
};

/// Planes `[3, channels, 64, 64]` and heads, random but always the same, as safetensors for both sides.
void write_bench_field(const std::filesystem::path& path, int64_t channels);
/// The number of parameters of its heads.
int64_t bench_field_parameters(int64_t channels);
ShapedMeshField read_bench_field(const std::filesystem::path& path, RoundShape shape);

}  // namespace relievo
