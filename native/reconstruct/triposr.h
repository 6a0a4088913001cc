// Turns one picture into a field: TripoSR (Tochilkin et al. 2024, arXiv 2403.02151), a large reconstruction
// model that sees the subject from the front and makes its planes in one pass.
#pragma once

#include <memory>

#include "reconstruct/image_encoder.h"
#include "reconstruct/planes_network.h"
#include "reconstruct/triplane_field.h"
#include "reconstruct/triposr_transformer.h"

namespace relievo {

struct TripoSrConfig {
  ImageEncoderConfig encoder = {.knows_cameras = false};
  TripoSrTransformerConfig transformer;
  int64_t head_width = 64;
  int64_t head_layers = 9;     ///< hidden layers
  int64_t picture_side = 512;  ///< side of the picture that the model sees

  DensityHeadConfig head() const {
    return {DensityModel::kTripoSr, transformer.plane_channels, head_width, head_layers};
  }
};

/// Half the side of the box that TripoSR's own coordinates are in.
inline constexpr double kTripoSrRadius = 0.87;

/// The whole model or a part of it. Parameter names are those of the published checkpoint, without the ViT's
/// pooler, which is not used (kTripoSrUnused).
///
/// Its box, of half side kTripoSrRadius, becomes the model box -1..1. Its axes are those of the model box, Z
/// up and +X towards the camera that took the picture, so that nothing is turned. This is deduced from the
/// cameras in its code; no result with the published weights has been seen yet.
class TripoSr : public PlanesNetwork {
 public:
  /// The number of blocks that encoder and transformer can be cut into, which have equal shares of their
  /// weights up to a layer's.
  static int blocks(const TripoSrConfig& config);

  explicit TripoSr(const TripoSrConfig& config);
  /// Makes the blocks first .. last - 1, and the head or not. The head alone is a part, too, which field()
  /// needs.
  TripoSr(const TripoSrConfig& config, int first_block, int last_block, PlanesHeads heads);

  /// A walk begins with pictures of one view each (triposr_picture.h) and no cameras.
  void advance(PlanesWalk& walk, const BatchControl& control = {}) const override;
  std::unique_ptr<Field> field(const at::Tensor& planes) const override;
  int64_t tokens() const override;
  void stream(std::shared_ptr<StreamedWeights> weights) override;

  /// Turns pictures `[B, 3, S, S]` into planes `[B, 3, C, R, R]`, with gradients, for a training. `runner`
  /// runs the blocks of encoder and transformer. Only a whole model has this.
  at::Tensor learning_planes(const at::Tensor& pictures, const BlockRunner& runner = {}) const;
  std::shared_ptr<const DensityHeads> head() const { return head_; }

  /// Returns the picture's tokens `[1, T, width]`. Only a whole model has this.
  at::Tensor encode(const at::Tensor& picture) const;

 private:
  TripoSrConfig config_;
  std::shared_ptr<ImageEncoder> encoder_;
  std::unique_ptr<TripoSrTransformer> transformer_;
  std::shared_ptr<DensityHeads> head_;
};

/// Parameters of the published checkpoint that are not needed.
inline constexpr const char* kTripoSrUnused[] = {"image_tokenizer.model.pooler.dense.weight",
                                                 "image_tokenizer.model.pooler.dense.bias"};

}  // namespace relievo
