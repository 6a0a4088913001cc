// A triplane with its heads as a Field: the heads interpret a point's features (InstantMesh, Xu et al. 2024,
// section 3.2; EG3D, Chan et al. 2022; TripoSR, Tochilkin et al. 2024, arXiv 2403.02151).
#pragma once

#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/field.h"
#include "nn/layers.h"

namespace relievo {

/// Samples features: planes `[3, C, H, W]` and points `[N, 3]` in the box -1..1 give `[N, 3 C]`, plane-major.
/// Outside the planes they are zero. (kernels/triplane.h says which plane sees which axes.) Where the planes
/// learn, they get their gradients.
at::Tensor sample_triplane(const at::Tensor& planes, const at::Tensor& points);

enum class HeadActivation { kRelu, kSilu };

struct HeadConfig {
  int64_t in = 0;
  int64_t out = 0;
  int64_t width = 64;         ///< width of the hidden layers
  int64_t hidden_layers = 3;  ///< at least 1
  HeadActivation activation = HeadActivation::kRelu;
};

/// Linear layers with an activation between them; registered as 0, 2, 4, ...
class Head : public torch::nn::Module {
 public:
  explicit Head(const HeadConfig& config);
  // Maps [..., in] to [..., out].
  at::Tensor forward(const at::Tensor& features) const;
  /// Applies the layers after the first to its output before the activation, which is overwritten: [N, width]
  /// becomes [N, out].
  at::Tensor after_first(at::Tensor hidden) const;
  const Linear& first() const { return *layers_.front(); }

 private:
  HeadActivation activation_;
  std::vector<std::shared_ptr<Linear>> layers_;
};

/// Colours as InstantMesh's heads encode them: sigmoid(x) * 1.002 - 0.001.
at::Tensor colour_of(const at::Tensor& raw);

/// The heads of the mesh models (FlexiCubes): names `net_sdf`, `net_rgb`, `net_deformation`, `net_weight`.
struct MeshHeads : torch::nn::Module {
  explicit MeshHeads(int64_t channels);
  std::shared_ptr<Head> distance, colour, deformation, weight;
};

enum class DensityModel { kInstantNerf, kTripoSr };

struct DensityHeadConfig {
  DensityModel model = DensityModel::kInstantNerf;
  int64_t channels = 40;  ///< channels of a plane
  // These are for TripoSR only, because InstantNeRF's head always has three layers of 64.
  int64_t width = 64;
  int64_t hidden_layers = 9;
};

/// The head of a density model: channel 0 density, 1..3 colour. InstantNeRF's is registered as `net`,
/// TripoSR's as `layers`.
struct DensityHeads : torch::nn::Module {
  explicit DensityHeads(const DensityHeadConfig& config);
  explicit DensityHeads(int64_t channels) : DensityHeads(DensityHeadConfig{.channels = channels}) {}

  /// The density of the head's output `[N, 4]`: softplus(x - 1), or exp(x - 1) for TripoSR.
  at::Tensor density(const at::Tensor& raw) const;
  /// `[N, 3]`: colour_of, or sigmoid for TripoSR.
  at::Tensor colour(const at::Tensor& raw) const;
  float threshold() const;  ///< the density on the surface

  DensityModel model;
  std::shared_ptr<Head> density_and_colour;
};

/// The signed-distance field of a mesh model. Deformation is tanh(raw) / (4 grid); cube weights are 0.1 times
/// the head on the 8 corners' features, corner-major. On a grid whose tables do not fit the byte budget it is
/// asked point by point.
class TriplaneMeshField : public Field {
 public:
  // The planes are [3, C, H, W].
  TriplaneMeshField(at::Tensor planes, std::shared_ptr<const MeshHeads> heads);

  FieldKind kind() const override { return FieldKind::kSignedDistance; }
  at::Device device() const override { return planes_.device(); }
  at::Tensor values(const at::Tensor& points) const override;
  at::Tensor deformation(const at::Tensor& points, int grid) const override;
  at::Tensor cube_weights(const at::Tensor& corners) const override;
  at::Tensor colours(const at::Tensor& points) const override;
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override;

  at::Tensor raw_deformation(const at::Tensor& points) const;  // returns [N, 3], before tanh

 private:
  at::Tensor planes_;
  std::shared_ptr<const MeshHeads> heads_;
};

/// The field of a density model.
class TriplaneDensityField : public Field {
 public:
  TriplaneDensityField(at::Tensor planes, std::shared_ptr<const DensityHeads> heads);

  FieldKind kind() const override { return FieldKind::kDensity; }
  at::Device device() const override { return planes_.device(); }
  at::Tensor values(const at::Tensor& points) const override;
  at::Tensor colours(const at::Tensor& points) const override;
  float density_threshold() const override { return heads_->threshold(); }
  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override;

  // Returns [N, 4], the head's output.
  at::Tensor raw(const at::Tensor& points) const;

 private:
  at::Tensor planes_;
  std::shared_ptr<const DensityHeads> heads_;
};

}  // namespace relievo
