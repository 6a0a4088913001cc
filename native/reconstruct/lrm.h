// Views -> Field: the large reconstruction model of InstantMesh (Xu et al. 2024, arXiv 2404.07191), mesh and
// NeRF variants.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

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

/// Views on their way to planes, from layer to layer and from one part of the model to the next.
struct LrmWalk {
  EncoderWalk encoder;  ///< first: pixels and cameras of all views
  at::Tensor tokens;    ///< the transformer's; last: the planes `[1, 3, C, R, R]`
};

enum class LrmHeads { kNo, kYes };

/// The whole model or a part of it. Parameter names are those of the published checkpoints without
/// `lrm_generator.`.
class Lrm : public torch::nn::Module {
 public:
  /// In how many blocks encoder and transformer can be cut: equal shares of their weights, to a layer's.
  static int blocks(const LrmConfig& config);

  explicit Lrm(const LrmConfig& config);
  /// The blocks first .. last - 1, and the heads or not. Heads alone are a part, too: what field() needs.
  Lrm(const LrmConfig& config, int first_block, int last_block, LrmHeads heads);

  /// Takes the walk through this part's blocks, bringing it to this part's device first.
  /// Throws Error{kCancelled}, Error{kInvalidSettings} for views that do not divide into patches.
  void advance(LrmWalk& walk, const CancelToken& cancel = {}) const;

  /// The heads over planes `[3, C, R, R]`, on the device that they were loaded on. They work in float32.
  std::unique_ptr<Field> field(const at::Tensor& planes) const;

  // Only a whole model has these.

  /// The views' tokens `[1, V * T, width]`, view-major.
  at::Tensor encode(const Views& views, const Execution& execution) const;
  /// Tokens -> planes `[3, C, R, R]`.
  at::Tensor planes(const at::Tensor& tokens, const Execution& execution) const;
  /// All three. Throws as advance() does.
  std::unique_ptr<Field> reconstruct(const Views& views, const Execution& execution) const;

 private:
  std::shared_ptr<ImageEncoder> encoder_;
  std::shared_ptr<TriplaneTransformer> transformer_;
  std::shared_ptr<MeshHeads> mesh_heads_;        // of the one kind
  std::shared_ptr<DensityHeads> density_heads_;  // or the other
};

/// The places of the model: whole on one worker, or cut over several.
struct LrmPlaces {
  std::vector<std::shared_ptr<const Lrm>> parts;  ///< by worker; null for those that hold no block
  /// Runs the body on worker k's thread and waits; empty: it is called here.
  std::function<void(size_t k, const std::function<void()>& body)> on_worker = {};
};

/// Views -> planes `[3, C, R, R]` float32 on the CPU. Throws as Lrm::advance() does.
at::Tensor reconstruct_planes(const Views& views, const LrmPlaces& places, const Execution& execution);

/// The views as the model is shown them: all six or, with `count` 4, the first, third, fifth and sixth, as
/// InstantMesh chooses them; resized to `size` pixels a side and clamped to 0..1. Throws
/// Error{kInvalidSettings} for another count.
Views views_for_reconstruction(const Views& six, int count, int64_t size);

}  // namespace relievo
