// Turns views into a field: the large reconstruction model of InstantMesh (Xu et al. 2024, arXiv 2404.07191),
// mesh and NeRF variants.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/execution.h"
#include "nn/views.h"
#include "reconstruct/image_encoder.h"
#include "reconstruct/planes_network.h"
#include "reconstruct/triplane_field.h"
#include "reconstruct/triplane_transformer.h"

namespace relievo {

enum class LrmKind { kMesh, kNerf };

struct LrmConfig {
  LrmKind kind = LrmKind::kMesh;
  ImageEncoderConfig encoder;
  TriplaneTransformerConfig transformer;
};

/// The four published configurations: instant-mesh-base, -large, instant-nerf-base, -large.
/// Throws Error{kModelMissing} for another name.
LrmConfig published_lrm(const std::string& name);

/// The whole model or a part of it. Parameter names are those of the published checkpoints without
/// `lrm_generator.`.
class Lrm : public PlanesNetwork {
 public:
  /// The number of blocks that encoder and transformer can be cut into, which have equal shares of their
  /// weights up to a layer's.
  static int blocks(const LrmConfig& config);

  explicit Lrm(const LrmConfig& config);
  /// Makes the blocks first .. last - 1, and the heads or not. Heads alone are a part, too, which field()
  /// needs.
  Lrm(const LrmConfig& config, int first_block, int last_block, PlanesHeads heads);

  void advance(PlanesWalk& walk, const BatchControl& control = {}) const override;
  std::unique_ptr<Field> field(const at::Tensor& planes) const override;
  int64_t tokens() const override;
  void stream(std::shared_ptr<StreamedWeights> weights) override;

  // Only a whole model has these functions.

  /// Returns the views' tokens `[1, V * T, width]`, view-major.
  at::Tensor encode(const Views& views, const Execution& execution) const;
  /// Turns tokens into planes `[3, C, R, R]`.
  at::Tensor planes(const at::Tensor& tokens, const Execution& execution) const;
  /// Turns pictures `[B, V, 3, S, S]` and cameras `[B, V, 16]` into planes `[B, 3, C, R, R]`, with gradients,
  /// for a training. `runner` runs the blocks of encoder and transformer.
  at::Tensor learning_planes(const at::Tensor& pictures, const at::Tensor& cameras,
                             const BlockRunner& runner = {}) const;
  /// The heads of a mesh model, else null.
  std::shared_ptr<const MeshHeads> mesh_heads() const { return mesh_heads_; }
  /// Runs encoder, transformer and heads. Throws as advance() does.
  std::unique_ptr<Field> reconstruct(const Views& views, const Execution& execution) const;

 private:
  LrmConfig config_;
  std::shared_ptr<ImageEncoder> encoder_;
  std::shared_ptr<TriplaneTransformer> transformer_;
  std::shared_ptr<MeshHeads> mesh_heads_;        // for a mesh model, else null
  std::shared_ptr<DensityHeads> density_heads_;  // for a density model, else null
};

/// Selects and resizes the views for the model: all of them or, with six views and a `count` of 4, the first,
/// third, fifth and sixth, as InstantMesh chooses them; resized to `size` pixels a side and clamped to 0..1.
/// Throws Error{kInvalidSettings} for another count.
Views views_for_reconstruction(const Views& views, int count, int64_t size);

}  // namespace relievo
