// The distance of each pixel from a set of pixels.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

namespace relievo::kernels {

/// The distance where there is no target at all.
inline constexpr float kNoTarget = std::numeric_limits<float>::max();

/// Computes `[height, width]` exact Euclidean distances in pixels from each pixel's centre to the nearest
/// target's; `targets` is `[height, width]`, non-zero for a target. (Felzenszwalb and Huttenlocher 2012,
/// "Distance Transforms of Sampled Functions".)
std::vector<float> distance_transform(const std::vector<uint8_t>& targets, int width, int height);

}  // namespace relievo::kernels
