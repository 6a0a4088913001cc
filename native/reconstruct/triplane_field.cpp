#include "reconstruct/triplane_field.h"

#include <ATen/ATen.h>

#include "kernels/triplane.h"
#include "nn/launch.h"
#include "reconstruct/triplane_grid.h"

namespace relievo {

at::Tensor sample_triplane(const at::Tensor& planes, const at::Tensor& points) {
  const at::Tensor texels = planes.to(at::kFloat).permute({0, 2, 3, 1}).contiguous();
  const at::Tensor where = points.to(texels.device(), at::kFloat).contiguous();
  const int64_t count = where.size(0), channels = texels.size(3);
  at::Tensor features = at::empty({count, 3 * channels}, texels.options());
  const kernels::TriplaneSampling sampling{texels.data_ptr<float>(),
                                           where.data_ptr<float>(),
                                           features.data_ptr<float>(),
                                           count,
                                           static_cast<int32_t>(channels),
                                           static_cast<int32_t>(texels.size(1)),
                                           static_cast<int32_t>(texels.size(2))};
  launch_on(texels.device(), RELIEVO_LAUNCHERS(sample_triplane), sampling);
  return features;
}

Head::Head(int64_t in, int64_t out) {
  constexpr int64_t kHidden = 64;
  const int64_t widths[] = {in, kHidden, kHidden, kHidden, out};
  for (int64_t i = 0; i < 4; ++i) {
    layers_.push_back(
        register_module(std::to_string(2 * i), std::make_shared<Linear>(widths[i], widths[i + 1])));
  }
}

at::Tensor Head::forward(const at::Tensor& features) const {
  at::Tensor x = layers_.front()->forward(features);
  for (size_t i = 1; i < layers_.size(); ++i) x = layers_[i]->forward(x.relu_());
  return x;
}

at::Tensor Head::after_first(at::Tensor hidden) const {
  for (size_t i = 1; i < layers_.size(); ++i) hidden = layers_[i]->forward(hidden.relu_());
  return hidden;
}

at::Tensor colour_of(const at::Tensor& raw) { return raw.sigmoid() * 1.002 - 0.001; }

MeshHeads::MeshHeads(int64_t channels)
    : distance(register_module("net_sdf", std::make_shared<Head>(3 * channels, 1))),
      colour(register_module("net_rgb", std::make_shared<Head>(3 * channels, 3))),
      deformation(register_module("net_deformation", std::make_shared<Head>(3 * channels, 3))),
      weight(register_module("net_weight", std::make_shared<Head>(8 * 3 * channels, 21))) {}

DensityHeads::DensityHeads(int64_t channels)
    : density_and_colour(register_module("net", std::make_shared<Head>(3 * channels, 4))) {}

TriplaneMeshField::TriplaneMeshField(at::Tensor planes, std::shared_ptr<const MeshHeads> heads)
    : planes_(std::move(planes)), heads_(std::move(heads)) {}

at::Tensor TriplaneMeshField::values(const at::Tensor& points) const {
  return heads_->distance->forward(sample_triplane(planes_, points)).squeeze(-1);
}

at::Tensor TriplaneMeshField::raw_deformation(const at::Tensor& points) const {
  return heads_->deformation->forward(sample_triplane(planes_, points));
}

at::Tensor TriplaneMeshField::deformation(const at::Tensor& points, int grid) const {
  return raw_deformation(points).tanh() / (4 * grid);
}

at::Tensor TriplaneMeshField::cube_weights(const at::Tensor& corners) const {
  const at::Tensor features = sample_triplane(planes_, corners.reshape({-1, 3}));
  return heads_->weight->forward(features.view({corners.size(0), -1})) * 0.1;
}

at::Tensor TriplaneMeshField::colours(const at::Tensor& points) const {
  return colour_of(heads_->colour->forward(sample_triplane(planes_, points)));
}

std::unique_ptr<GridField> TriplaneMeshField::on_grid(const at::Tensor& line, int64_t byte_budget) const {
  if (triplane_on_grid_bytes(planes_, line.size(0)) > byte_budget) return on_grid_by_points(line);
  return triplane_on_grid(planes_, heads_, line);
}

TriplaneDensityField::TriplaneDensityField(at::Tensor planes, std::shared_ptr<const DensityHeads> heads)
    : planes_(std::move(planes)), heads_(std::move(heads)) {}

at::Tensor TriplaneDensityField::raw(const at::Tensor& points) const {
  return heads_->density_and_colour->forward(sample_triplane(planes_, points));
}

at::Tensor TriplaneDensityField::values(const at::Tensor& points) const {
  return at::softplus(raw(points).select(-1, 0) - 1);
}

at::Tensor TriplaneDensityField::colours(const at::Tensor& points) const {
  return colour_of(raw(points).slice(-1, 1));
}

std::unique_ptr<GridField> TriplaneDensityField::on_grid(const at::Tensor& line, int64_t byte_budget) const {
  if (triplane_on_grid_bytes(planes_, line.size(0)) > byte_budget) return on_grid_by_points(line);
  return triplane_on_grid(planes_, heads_, line);
}

}  // namespace relievo
