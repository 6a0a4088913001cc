#include "surface/flexicubes.h"

#include <limits>

#include <ATen/ATen.h>

#include "nn/launch.h"
#include "surface/tensors.h"

namespace relievo {
namespace {

constexpr int64_t kMostFaces = std::numeric_limits<int32_t>::max() / 12;

/// The kernels' view of all arrays, and the tensors that keep these alive.
class Kernel : public kernels::FlexiCubes {
 public:
  Kernel(const SurfaceCubes& found, const FlexiCubesInput& input)
      : device_(found.cubes.device()),
        table_(constant_on(device_, &kernels::kCubeTable, sizeof(kernels::kCubeTable))),
        distances_(input.distances.contiguous()),
        positions_(input.positions.contiguous()) {
    table = static_cast<const kernels::CubeTable*>(table_.const_data_ptr());
    row_starts = found.row_starts.const_data_ptr<int32_t>();
    cubes = found.cubes.const_data_ptr<int32_t>();
    cases = found.cases.const_data_ptr<uint8_t>();
    points = found.points.const_data_ptr<int32_t>();
    corners = found.corners.const_data_ptr<int32_t>();
    distances = distances_.const_data_ptr<float>();
    positions = positions_.const_data_ptr<float>();
    if (input.weights.defined()) {
      weights_ = input.weights.contiguous();
      weights = weights_.const_data_ptr<float>();
    }
    cube_count = found.size();
    point_count = found.points.size(0);
    grid = found.grid;
  }

  at::TensorOptions integers() const { return at::TensorOptions().dtype(at::kInt).device(device_); }
  at::TensorOptions floats() const { return at::TensorOptions().dtype(at::kFloat).device(device_); }

  template <typename Cpu, typename Cuda>
  void run(const Cpu& cpu, const Cuda& cuda) const {
    launch_on(device_, cpu, cuda, static_cast<const kernels::FlexiCubes&>(*this));
  }

  /// Lets the kernels read the vertices. Their starts are read and not written again.
  void use(const DualVertices& dual) {
    vertex_starts = static_cast<int32_t*>(dual.starts.data_ptr());
    deviation_starts = static_cast<int32_t*>(dual.deviation_starts.data_ptr());
    vertices = dual.positions.data_ptr<float>();
    vertex_count = static_cast<int32_t>(dual.positions.size(0));
  }

 private:
  at::Device device_;
  at::Tensor table_, distances_, positions_, weights_;
};

}  // namespace

DualVertices dual_vertices(const SurfaceCubes& cubes, const FlexiCubesInput& input) {
  Kernel kernel(cubes, input);
  DualVertices dual;
  dual.starts = at::zeros({kernels::kMostDualVertices * cubes.size() + 1}, kernel.integers());
  dual.deviation_starts = at::zeros_like(dual.starts);
  dual.positions = at::empty({0, 3}, kernel.floats());
  kernel.use(dual);
  kernel.run(RELIEVO_LAUNCHERS(count_vertices));
  sum_up(dual.deviation_starts, std::numeric_limits<int32_t>::max());
  dual.positions = at::empty({sum_up(dual.starts, std::numeric_limits<int32_t>::max()), 3}, kernel.floats());
  kernel.use(dual);
  kernel.run(RELIEVO_LAUNCHERS(place_vertices));
  return dual;
}

at::Tensor edge_deviations(const SurfaceCubes& cubes, const FlexiCubesInput& input,
                           const DualVertices& vertices) {
  Kernel kernel(cubes, input);
  kernel.use(vertices);
  at::Tensor deviations = at::empty({vertices.deviation_starts[-1].item<int32_t>()}, kernel.floats());
  kernel.deviations = deviations.mutable_data_ptr<float>();
  kernel.run(RELIEVO_LAUNCHERS(measure_deviations));
  return deviations;
}

Surface flexicubes(const SurfaceCubes& cubes, const FlexiCubesInput& input, const DualVertices& vertices,
                   Triangulation triangulation) {
  Kernel kernel(cubes, input);
  kernel.use(vertices);
  kernel.is_fan = triangulation == Triangulation::kFour;
  at::Tensor quad_starts = at::zeros({2 * kernel.point_count + 1}, kernel.integers());
  kernel.quad_starts = quad_starts.mutable_data_ptr<int32_t>();
  kernel.run(RELIEVO_LAUNCHERS(count_quads));
  const int64_t quads = sum_up(quad_starts, kMostFaces);
  at::Tensor positions = vertices.positions;
  if (kernel.is_fan) {
    positions = at::cat({positions, at::empty({quads, 3}, kernel.floats())});
    kernel.vertices = positions.mutable_data_ptr<float>();
  }
  const at::Tensor faces = at::empty({(kernel.is_fan ? 4 : 2) * quads, 3}, kernel.integers());
  kernel.faces = faces.mutable_data_ptr<int32_t>();
  kernel.run(RELIEVO_LAUNCHERS(fill_quads));
  return surface_of(positions, faces);
}

}  // namespace relievo
