// Turns pictures into planes: the interface that the reconstruction models share. They can be cut into
// blocks, so that one model can lie on several workers, and a picture walks from one part to the next.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <torch/nn/module.h>

#include "nn/batch_control.h"
#include "nn/exchange.h"
#include "nn/execution.h"
#include "nn/field.h"
#include "nn/shared_rows.h"
#include "nn/streamed_weights.h"
#include "nn/views.h"
#include "reconstruct/image_encoder.h"

namespace relievo {

/// Pictures on their way to planes, from layer to layer and from one part of the network to the next. The
/// fields change their meaning on the way.
struct PlanesWalk {
  /// At first pixels, and cameras where the network knows them: those of one picture after the other's.
  EncoderWalk encoder;
  int64_t views = 1;  ///< the number of views of each picture, in this walk
  at::Tensor tokens;  ///< tokens of the transformer; at the end the planes `[B, 3, C, R, R]`
  /// The summand that the last layer adds to the tokens; undefined where there is none.
  at::Tensor residual;
  /// Where workers share the tokens, each with the whole network: then `tokens` are the own ones until they
  /// become planes, which every worker makes. Else null.
  const SharedRows* shared = nullptr;
  /// Whether they also share the picture's views, of which this walk has the own ones.
  bool shares_views = false;

  void bring_to(const at::TensorOptions& options);
};

enum class PlanesHeads { kNo, kYes };

/// A whole network or a part of it.
class PlanesNetwork : public torch::nn::Module {
 public:
  /// Takes the walk through this part's blocks, and moves it to this part's device first. Pictures that are
  /// cancelled leave it between two layers. Throws Error{kCancelled}, Error{kInvalidSettings} for pictures
  /// that do not divide into patches.
  virtual void advance(PlanesWalk& walk, const BatchControl& control = {}) const = 0;

  /// The number of the transformer's tokens.
  virtual int64_t tokens() const = 0;

  /// Has the layers' weights come in while it computes; they were loaded into `weights`.
  virtual void stream(std::shared_ptr<StreamedWeights> weights) = 0;

  /// Applies the heads to planes `[3, C, R, R]`, on the device that they were loaded on. They work in
  /// float32.
  virtual std::unique_ptr<Field> field(const at::Tensor& planes) const = 0;
};

/// The places of a network: whole on one worker, cut over several, or whole on each of several that share a
/// picture's views and tokens.
struct PlanesPlaces {
  std::vector<std::shared_ptr<const PlanesNetwork>> parts;  ///< by worker; null for those that hold no block
  /// The number of parts of views and tokens for each worker that shares them; else empty.
  std::vector<int> shares = {};
  RunTogether run_together = {};
  /// Runs the body on worker k's thread and waits; where it is empty, the body is called directly.
  std::function<void(size_t k, const std::function<void()>& body)> on_worker = {};
};

/// Turns each picture's views (without cameras for a network that knows none), which are equally many and
/// large, together into planes `[3, C, R, R]` float32 on the CPU; workers that share tokens take one picture.
/// `cancels` may have a token for each picture; the planes of one that is cancelled are an undefined tensor.
/// Throws as PlanesNetwork::advance() does.
std::vector<at::Tensor> reconstruct_batch(std::span<const Views> pictures, const PlanesPlaces& places,
                                          const Execution& execution,
                                          std::span<const CancelToken> cancels = {});
/// The same for one picture.
at::Tensor reconstruct_planes(const Views& views, const PlanesPlaces& places, const Execution& execution);

}  // namespace relievo
