// How far the network's answers are from the truth.
#pragma once

#include "reconstruct/compact_network.h"
#include "train/learn/sample_set.h"
#include "train/learn/train_config.h"

namespace relievo {

/// Scalars; each is a mean over the batch's views, so that the mean over parts of equal size is the whole's.
struct Losses {
  at::Tensor total;      ///< the weighted sum
  at::Tensor distance;   ///< |p - d|, both cut at 0.1 either way
  at::Tensor inside;     ///< cross-entropy of inside with the logit -8 p
  at::Tensor colour;     ///< |c - c'| within 0.06 of the surface
  at::Tensor elevation;  ///< radians
  at::Tensor
      layers;  ///< |x - x'| of layered depth where it is there, and cross-entropy of the second's being
  at::Tensor overlap;  ///< IoU of inside at the points, 0..1; no part of the total
};

Losses losses_of(const CompactPlanes& planes, const CompactAnswer& answer, const SampleBatch& truth,
                 const LossWeights& weights);

}  // namespace relievo
