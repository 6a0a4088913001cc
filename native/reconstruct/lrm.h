// Views -> Field: the large reconstruction model of InstantMesh (Xu et al. 2024, arXiv 2404.07191), mesh and
// NeRF variants.
#pragma once

#include <memory>

#include "nn/execution.h"
#include "nn/views.h"
#include "reconstruct/image_encoder.h"
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

/// Parameter names are those of the published checkpoints without `lrm_generator.`.
class Lrm : public torch::nn::Module {
 public:
  explicit Lrm(const LrmConfig& config);

  /// The views' tokens `[1, V * T, width]`, view-major.
  at::Tensor encode(const Views& views, const Execution& execution) const;
  /// Tokens -> planes `[3, C, R, R]`.
  at::Tensor planes(const at::Tensor& tokens, const Execution& execution) const;
  /// The heads over planes.
  std::unique_ptr<Field> field(at::Tensor planes) const;

  /// All three. Throws Error{kCancelled}, Error{kInvalidSettings} for views of a wrong size.
  std::unique_ptr<Field> reconstruct(const Views& views, const Execution& execution) const;

 private:
  std::shared_ptr<ImageEncoder> encoder_;
  std::shared_ptr<TriplaneTransformer> transformer_;
  std::shared_ptr<MeshHeads> mesh_heads_;        // of the one kind
  std::shared_ptr<DensityHeads> density_heads_;  // or the other
};

}  // namespace relievo
