#include "reconstruct/triplane_field.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "kernels/triplane.h"
#include "nn/launch.h"
#include "reconstruct/triplane_grid.h"

namespace relievo {

namespace {

at::Tensor sample_learning_triplane(const at::Tensor& planes, const at::Tensor& points) {
  constexpr int64_t kBilinear = 0, kZeros = 0;
  const at::Tensor x = points.select(1, 0), y = points.select(1, 1), z = points.select(1, 2);
  // [3, 1, N, 2] places along each plane's width and height.
  const at::Tensor places =
      at::stack({at::stack({x, y}, 1), at::stack({x, z}, 1), at::stack({z, y}, 1)}).unsqueeze(1);
  return at::grid_sampler_2d(planes.to(at::kFloat), places, kBilinear, kZeros, false)
      .squeeze(2)
      .permute({2, 0, 1})
      .flatten(1);
}

}  // namespace

at::Tensor sample_triplane(const at::Tensor& planes, const at::Tensor& points) {
  if (at::GradMode::is_enabled() && planes.requires_grad()) return sample_learning_triplane(planes, points);
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

Head::Head(const HeadConfig& config) : activation_(config.activation) {
  for (int64_t i = 0; i <= config.hidden_layers; ++i) {
    const int64_t in = i == 0 ? config.in : config.width;
    const int64_t out = i == config.hidden_layers ? config.out : config.width;
    layers_.push_back(register_module(std::to_string(2 * i), std::make_shared<Linear>(in, out)));
  }
}

at::Tensor Head::forward(const at::Tensor& features) const {
  return after_first(layers_.front()->forward(features));
}

at::Tensor Head::after_first(at::Tensor hidden) const {
  for (size_t i = 1; i < layers_.size(); ++i) {
    hidden = layers_[i]->forward(activation_ == HeadActivation::kRelu ? hidden.relu_() : at::silu_(hidden));
  }
  return hidden;
}

at::Tensor colour_of(const at::Tensor& raw) { return raw.sigmoid() * 1.002 - 0.001; }

MeshHeads::MeshHeads(int64_t channels)
    : distance(register_module("net_sdf", std::make_shared<Head>(HeadConfig{3 * channels, 1}))),
      colour(register_module("net_rgb", std::make_shared<Head>(HeadConfig{3 * channels, 3}))),
      deformation(register_module("net_deformation", std::make_shared<Head>(HeadConfig{3 * channels, 3}))),
      weight(register_module("net_weight", std::make_shared<Head>(HeadConfig{8 * 3 * channels, 21}))) {}

DensityHeads::DensityHeads(const DensityHeadConfig& config) : model(config.model) {
  HeadConfig head{3 * config.channels, 4};
  if (model == DensityModel::kTripoSr) {
    head.width = config.width;
    head.hidden_layers = config.hidden_layers;
    head.activation = HeadActivation::kSilu;
  }
  density_and_colour =
      register_module(model == DensityModel::kTripoSr ? "layers" : "net", std::make_shared<Head>(head));
}

at::Tensor DensityHeads::density(const at::Tensor& raw) const {
  const at::Tensor shifted = raw.select(-1, 0) - 1;
  if (model == DensityModel::kInstantNerf) return at::softplus(shifted);
  // Densities beyond float32's range are limited, because meshing asks for finite ones.
  constexpr double kHighest = 80;
  return shifted.clamp_max(kHighest).exp_();
}

at::Tensor DensityHeads::colour(const at::Tensor& raw) const {
  const at::Tensor channels = raw.slice(-1, 1);
  return model == DensityModel::kInstantNerf ? colour_of(channels) : channels.sigmoid();
}

float DensityHeads::threshold() const { return model == DensityModel::kInstantNerf ? 10 : 25; }

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
  return heads_->density(raw(points));
}

at::Tensor TriplaneDensityField::colours(const at::Tensor& points) const {
  return heads_->colour(raw(points));
}

std::unique_ptr<GridField> TriplaneDensityField::on_grid(const at::Tensor& line, int64_t byte_budget) const {
  const int64_t width = heads_->density_and_colour->first().weight.size(0);
  if (triplane_on_grid_bytes(planes_, line.size(0), width) > byte_budget) return on_grid_by_points(line);
  return triplane_on_grid(planes_, heads_, line);
}

}  // namespace relievo
