// How far the network's answers are from the truth.
#pragma once

#include <array>

#include "reconstruct/compact_network.h"
#include "train/learn/sample_set.h"
#include "train/learn/train_config.h"

namespace relievo {

/// Scalars; each is a mean over the batch's views, so that the mean over parts of equal size is the whole's.
struct Losses {
  /// The names of the parts, in the order of parts().
  static constexpr std::array<const char*, 8> kNames{"loss",      "distance", "inside", "colour",
                                                     "elevation", "layers",   "error",  "overlap"};
  at::Tensor total;      ///< the weighted sum
  at::Tensor distance;   ///< |p - d|, both cut at 0.1 either way
  at::Tensor inside;     ///< cross-entropy of inside with the logit -8 p
  at::Tensor colour;     ///< |c - c'| within 0.06 of the surface
  at::Tensor elevation;  ///< radians
  /// |x - x'| of layered depth where it is there, and cross-entropy of the second interval's being there.
  at::Tensor layers;
  at::Tensor error;    ///< (e - e')^2 of how far the network takes itself and the inflation to be off
  at::Tensor overlap;  ///< IoU of inside at the points, 0..1; no part of the total

  /// `[8]` float64 on the CPU, without gradients; a part that is undefined counts as 0.
  at::Tensor parts() const;
};

/// |a - b|, both cut at kCompactReach either way.
at::Tensor cut_difference(const at::Tensor& a, const at::Tensor& b);

/// The mean over the batch of each view's mean where `weight` `[B, ...]` counts; views without any count as
/// 0.
at::Tensor mean_where(const at::Tensor& value, const at::Tensor& weight);

/// What all networks learn of distances `p` `[B, N]` and the true ones: distance, inside and overlap, without
/// a total. `weight` `[B, N]`.
Losses distance_losses(const at::Tensor& p, const at::Tensor& truth, const at::Tensor& weight);

/// |c - c'| of colours `[B, N, 3]` near the surface.
at::Tensor colour_loss(const at::Tensor& colours, const SampleBatch& truth);

Losses losses_of(const CompactPlanes& planes, const CompactAnswer& answer, const SampleBatch& truth,
                 const LossWeights& weights);

}  // namespace relievo
