#include "train/learn/losses.h"

#include <vector>

#include <ATen/ATen.h>

namespace relievo {
namespace {

at::Tensor layer_loss(const at::Tensor& predicted, const at::Tensor& truth) {
  const at::Tensor is_there = truth.isfinite(), wanted = truth.nan_to_num();
  const at::Tensor off = (predicted.slice(1, 0, 4) - wanted).abs();
  const at::Tensor depth = mean_where(off, is_there.to(at::kFloat));
  // Whether there is a second interval is asked where there is a first one.
  const at::Tensor logit = predicted.select(1, 4), second = is_there.select(1, 2).to(at::kFloat);
  const at::Tensor entropy = at::softplus(logit) - logit * second;
  return depth + 0.2 * mean_where(entropy, is_there.select(1, 0).to(at::kFloat));
}

/// What is predicted behind each pixel against what is so at the points, inside the outline.
at::Tensor error_loss(const at::Tensor& predicted, const at::Tensor& own, const at::Tensor& inflations,
                      const at::Tensor& inside_outline) {
  const at::Tensor off =
      (predicted.select(2, 0) - own).square() + (predicted.select(2, 1) - inflations).square();
  return mean_where(off, inside_outline);
}

}  // namespace

at::Tensor Losses::parts() const {
  const at::Tensor none = at::zeros({}, total.options());
  std::vector<at::Tensor> all;
  for (const at::Tensor* part :
       {&total, &distance, &inside, &colour, &elevation, &layers, &error, &overlap}) {
    all.push_back(part->defined() ? part->detach() : none);
  }
  return at::stack(all).to(at::kDouble).cpu();
}

at::Tensor cut_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.clamp(-kCompactReach, kCompactReach) - b.clamp(-kCompactReach, kCompactReach)).abs();
}

at::Tensor mean_where(const at::Tensor& value, const at::Tensor& weight) {
  const at::Tensor counted = weight.flatten(1).sum(1).clamp_min(1e-6);
  return ((value * weight).flatten(1).sum(1) / counted).mean();
}

Losses distance_losses(const at::Tensor& p, const at::Tensor& truth, const at::Tensor& weight) {
  constexpr double kLogit = 8;
  Losses losses;
  losses.distance = mean_where(cut_difference(p, truth), weight);
  const at::Tensor logit = -kLogit * p, inside = truth.lt(0).to(at::kFloat);
  losses.inside = mean_where(at::softplus(logit) - logit * inside, weight);
  const at::Tensor both = (p.detach().lt(0) & truth.lt(0)).to(at::kFloat).sum(1),
                   either = (p.detach().lt(0) | truth.lt(0)).to(at::kFloat).sum(1);
  losses.overlap = (both / either.clamp_min(1)).mean();
  return losses;
}

at::Tensor colour_loss(const at::Tensor& colours, const SampleBatch& truth) {
  constexpr double kNear = 0.06;
  return mean_where((colours - truth.colours).abs().mean(2), truth.distances.abs().lt(kNear).to(at::kFloat));
}

Losses losses_of(const CompactPlanes& planes, const CompactAnswer& answer, const SampleBatch& truth,
                 const LossWeights& weights) {
  constexpr double kThin = 0.06;
  const at::Tensor &p = answer.distance, &d = truth.distances;
  // The outline's distance in the picture at each point tells where parts are thin.
  const at::Tensor y = truth.points.select(2, 1), z = truth.points.select(2, 2);
  const at::Tensor outline = read_plane(truth.input.slice(1, 4, 5), y, -z).squeeze(2);
  const at::Tensor weight =
      1 + weights.thin * (outline.gt(0) & outline.lt(kThin) & d.abs().lt(kCompactReach)).to(at::kFloat);

  Losses losses = distance_losses(p, d, weight);
  losses.colour = colour_loss(answer.colour, truth);
  losses.elevation = (planes.elevation - truth.elevation).abs().mean();
  losses.layers = layer_loss(planes.layers, truth.depths);
  losses.error = error_loss(read_plane(planes.errors, y, -z), cut_difference(p, d).detach(),
                            cut_difference(truth.inflated, d), outline.gt(0).to(at::kFloat));
  losses.total = weights.distance * losses.distance + weights.inside * losses.inside +
                 weights.colour * losses.colour + weights.elevation * losses.elevation +
                 weights.layers * losses.layers + weights.error * losses.error;
  return losses;
}

}  // namespace relievo
