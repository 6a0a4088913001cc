// Pictures that pass the same layers side by side, with kernels of our own on a GPU, where every launch
// counts: one launch serves all of them, and what sums or joins pictures finds the moments that the next norm
// needs. On the CPU each picture goes through layers.h alone.
#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/layers.h"

namespace relievo {

struct FeatureMap {
  /// [B, C, h, w], channels last; the items of a batch may be apart.
  at::Tensor x;
  /// The moments of its channels (kernels/group_norm.h), or undefined where nobody has found them.
  at::Tensor moments = {};
};

/// One or two of them, of one device and type and with the same B and C.
using FeatureMaps = std::vector<FeatureMap>;

// The functions below are for maps that have kernels (launch.h, has_gpu_kernels).

/// Group norm with SiLU of `x + shift`; `shift` is `[1, C]` or undefined.
std::vector<at::Tensor> silu_norm(const GroupNorm& norm, FeatureMaps& maps, const at::Tensor& shift = {});

/// Group norm of all maps as tokens `[B, sum of h w, C]`, one map's after the other's.
at::Tensor token_norm(const GroupNorm& norm, FeatureMaps& maps);

/// Adds `branches[i]` of the same shape to each map, in the branch's memory.
void add_branches(FeatureMaps& maps, const std::vector<at::Tensor>& branches);

/// Adds tokens `[B, sum of h w, C]` to the maps in place.
void add_tokens(FeatureMaps& maps, const at::Tensor& tokens);

/// Joins the channels of each map with those of `skips[i]`. The maps then lie in the tokens that are
/// returned,
/// `[B, sum of h w, C]`.
at::Tensor join(FeatureMaps& maps, const std::vector<at::Tensor>& skips);

}  // namespace relievo
