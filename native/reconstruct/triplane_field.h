// A triplane with its heads as a Field: what a point's features mean (InstantMesh, Xu et al. 2024,
// section 3.2; EG3D, Chan et al. 2022; TripoSR, Tochilkin et al. 2024, arXiv 2403.02151).
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/field.h"
#include "nn/layers.h"

namespace relievo {

/// Features at points: planes `[3, C, H, W]`, points `[N, 3]` in the box -1..1 -> `[N, 3 C]`, plane-major.
/// Outside the planes they are zero. (Which plane sees which axes: kernels/triplane.h.)
at::Tensor sample_triplane(const at::Tensor& planes, const at::Tensor& points);

enum class HeadActivation { kRelu, kSilu };

struct HeadConfig {
  int64_t in = 0;
  int64_t out = 0;
  int64_t width = 64;         ///< of the hidden layers
  int64_t hidden_layers = 3;  ///< at least 1
  HeadActivation activation = HeadActivation::kRelu;
};

/// Linear layers with an activation between them; registered as 0, 2, 4, ...
class Head : public torch::nn::Module {
 public:
  explicit Head(const HeadConfig& config);
  at::Tensor forward(const at::Tensor& features) const;  // [..., in] -> [..., out]
  /// The layers after the first, from its output before the activation, which is overwritten:
  /// [N, width] -> [N, out].
  at::Tensor after_first(at::Tensor hidden) const;
  const Linear& first() const { return *layers_.front(); }

 private:
  HeadActivation activation_;
  std::vector<std::shared_ptr<Linear>> layers_;
};

/// Colours as InstantMesh's heads give them: sigmoid(x) * 1.002 - 0.001.
at::Tensor colour_of(const at::Tensor& raw);

/// The heads of the mesh models (FlexiCubes): names `net_sdf`, `net_rgb`, `net_deformation`, `net_weight`.
struct MeshHeads : torch::nn::Module {
  explicit MeshHeads(int64_t channels);
  std::shared_ptr<Head> distance, colour, deformation, weight;
};

enum class DensityModel { kInstantNerf, kTripoSr };

struct DensityHeadConfig {
  DensityModel model = DensityModel::kInstantNerf;
  int64_t channels = 40;  ///< of a plane
  // TripoSR's alone, for InstantNeRF's head has always three layers of 64:
  int64_t width = 64;
  int64_t hidden_layers = 9;
};

/// The head of a density model: channel 0 density, 1..3 colour. InstantNeRF's is registered as `net`,
/// TripoSR's as `layers`.
struct DensityHeads : torch::nn::Module {
  explicit DensityHeads(const DensityHeadConfig& config);
  explicit DensityHeads(int64_t channels) : DensityHeads(DensityHeadConfig{.channels = channels}) {}

  /// From what the head gives, `[N, 4]`: softplus(x - 1), TripoSR's exp(x - 1).
  at::Tensor density(const at::Tensor& raw) const;
  at::Tensor colour(const at::Tensor& raw) const;  ///< `[N, 3]`: colour_of, TripoSR's sigmoid
  float threshold() const;                         ///< the density on the surface

  DensityModel model;
  std::shared_ptr<Head> density_and_colour;
};

/// Signed-distance field of a mesh model. Deformation is tanh(raw) / (4 grid); cube weights are 0.1 times the
/// head on the 8 corners' features, corner-major. On a grid whose tables do not fit the byte budget it is
/// asked point by point.
class TriplaneMeshField : public Field {
 public:
  TriplaneMeshField(at::Tensor planes, std::shared_ptr<const MeshHeads> heads);  // planes [3, C, H, W]

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return planes_.device(); }
  at::Tensor values(const at::Tensor& points) const override;
  at::Tensor deformation(const at::Tensor& points, int grid) const override;
  at::Tensor cube_weights(const at::Tensor& corners) const override;
  at::Tensor colours(const at::Tensor& points) const override;
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override;

  at::Tensor raw_deformation(const at::Tensor& points) const;  // [N, 3], before tanh

 private:
  at::Tensor planes_;
  std::shared_ptr<const MeshHeads> heads_;
};

/// Density field of a density model.
class TriplaneDensityField : public Field {
 public:
  TriplaneDensityField(at::Tensor planes, std::shared_ptr<const DensityHeads> heads);

  FieldKind kind() const override { return FieldKind::kDensity; }
  at::Device device() const override { return planes_.device(); }
  at::Tensor values(const at::Tensor& points) const override;
  at::Tensor colours(const at::Tensor& points) const override;
  float density_threshold() const override { return heads_->threshold(); }
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override;

  at::Tensor raw(const at::Tensor& points) const;  // [N, 4] the head's output

 private:
  at::Tensor planes_;
  std::shared_ptr<const DensityHeads> heads_;
};

}  // namespace relievo
