#include "train/learn/losses.h"

#include <ATen/ATen.h>

namespace relievo {
namespace {

/// The mean over the batch of each view's mean where `weight` [B, ...] counts; views without any count as 0.
at::Tensor mean_where(const at::Tensor& value, const at::Tensor& weight) {
  const at::Tensor counted = weight.flatten(1).sum(1).clamp_min(1e-6);
  return ((value * weight).flatten(1).sum(1) / counted).mean();
}

at::Tensor layer_loss(const at::Tensor& predicted, const at::Tensor& truth) {
  const at::Tensor is_there = truth.isfinite(), wanted = truth.nan_to_num();
  const at::Tensor off = (predicted.slice(1, 0, 4) - wanted).abs();
  const at::Tensor depth = mean_where(off, is_there.to(at::kFloat));
  // Whether there is a second interval is asked where there is a first one.
  const at::Tensor logit = predicted.select(1, 4), second = is_there.select(1, 2).to(at::kFloat);
  const at::Tensor entropy = at::softplus(logit) - logit * second;
  return depth + 0.2 * mean_where(entropy, is_there.select(1, 0).to(at::kFloat));
}

}  // namespace

Losses losses_of(const CompactPlanes& planes, const CompactAnswer& answer, const SampleBatch& truth,
                 const LossWeights& weights) {
  constexpr double kCut = 0.1, kLogit = 8, kNear = 0.06, kThin = 0.06;
  const at::Tensor &p = answer.distance, &d = truth.distances;
  const at::Tensor inside = d.lt(0).to(at::kFloat);
  // The outline's distance in the picture at each point tells where parts are thin.
  const at::Tensor grid = at::stack({truth.points.select(2, 1), -truth.points.select(2, 2)}, -1).unsqueeze(1);
  const at::Tensor outline =
      at::grid_sampler_2d(truth.input.slice(1, 4, 5), grid, 0, 1, false).squeeze(2).squeeze(1);
  const at::Tensor weight =
      1 + weights.thin * (outline.gt(0) & outline.lt(kThin) & d.abs().lt(kCut)).to(at::kFloat);

  Losses losses;
  losses.distance = mean_where((p.clamp(-kCut, kCut) - d.clamp(-kCut, kCut)).abs(), weight);
  const at::Tensor logit = -kLogit * p;
  losses.inside = mean_where(at::softplus(logit) - logit * inside, weight);
  losses.colour = mean_where((answer.colour - truth.colours).abs().mean(2), d.abs().lt(kNear).to(at::kFloat));
  losses.elevation = (planes.elevation - truth.elevation).abs().mean();
  losses.layers = layer_loss(planes.layers, truth.depths);
  losses.total = weights.distance * losses.distance + weights.inside * losses.inside +
                 weights.colour * losses.colour + weights.elevation * losses.elevation +
                 weights.layers * losses.layers;
  const at::Tensor both = (p.detach().lt(0) & d.lt(0)).to(at::kFloat).sum(1),
                   either = (p.detach().lt(0) | d.lt(0)).to(at::kFloat).sum(1);
  losses.overlap = (both / either.clamp_min(1)).mean();
  return losses;
}

}  // namespace relievo
