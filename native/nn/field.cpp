#include "nn/field.h"

#include <ATen/ATen.h>

#include "base/parallel.h"

namespace relievo {
namespace {

constexpr int64_t kGrain = 16384;

/// Asks the field at each vertex's position.
class PointByPoint : public GridField {
 public:
  PointByPoint(const Field& field, at::Tensor line) : field_(field), line_(std::move(line)) {}

  at::Tensor values(int64_t first, int64_t last) const override {
    return field_.values(positions(at::arange(first, last)));
  }
  at::Tensor deformation(const at::Tensor& vertices) const override {
    return field_.deformation(positions(vertices), static_cast<int>(line_.size(0) - 1));
  }
  at::Tensor cube_weights(const at::Tensor& corners) const override {
    return field_.cube_weights(positions(corners.flatten()).view({-1, 8, 3}));
  }

 private:
  at::Tensor positions(const at::Tensor& vertices) const {
    return line_positions(line_, vertices).to(field_.device());
  }

  const Field& field_;
  at::Tensor line_;
};

}  // namespace

at::Tensor line_positions(const at::Tensor& line, const at::Tensor& vertices) {
  const at::Tensor steps = line.contiguous(), numbers = vertices.to(at::kLong).contiguous();
  at::Tensor positions = at::empty({numbers.size(0), 3}, at::kFloat);
  const float* const at_step = steps.const_data_ptr<float>();
  const int64_t* const number = numbers.const_data_ptr<int64_t>();
  float* const position = positions.mutable_data_ptr<float>();
  const auto side = static_cast<uint32_t>(line.size(0));
  parallel_for(numbers.size(0), kGrain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const auto vertex = static_cast<uint32_t>(number[i]), row = vertex / side;
      position[3 * i] = at_step[row / side];
      position[3 * i + 1] = at_step[row % side];
      position[3 * i + 2] = at_step[vertex % side];
    }
  });
  return positions;
}

std::unique_ptr<GridField> Field::on_grid_by_points(const at::Tensor& line) const {
  return std::make_unique<PointByPoint>(*this, line);
}

}  // namespace relievo
