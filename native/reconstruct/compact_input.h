// What the compact network sees of a picture, and the inflation that it corrects.
#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "reconstruct/inflated_mask.h"

namespace relievo {

/// The side of the network's picture.
inline constexpr int64_t kCompactPicture = 128;
/// The channels that the network sees.
inline constexpr int64_t kCompactChannels = 6;

/// Inflates the mask of one picture `[S, S, 4]` (float32 0..1, sRGB-encoded, straight alpha, on the CPU).
/// What is seen and what is trained on is inflated at this size, whatever the size of the whole picture is.
/// Throws Error{kNoSubject} where no alpha passes 0.5.
std::shared_ptr<const InflatedField> inflate_small(const at::Tensor& rgba);

/// `[S, S]` heights of an inflation at the centres of a picture's pixels, row 0 at the top.
at::Tensor heights_in_picture(const InflatedField& inflation, int64_t side);

/// `[B, 6, S, S]` of pictures `[B, S, S, 4]` as above and their heights `[B, S, S]`: colour on mid-grey less
/// 0.5, alpha, the distance from the outline in box units, positive inside, at most 1 either way, and the
/// height. Where a picture has no outline, the distance is that of the picture's border.
at::Tensor compact_input(const at::Tensor& rgba, const at::Tensor& heights);

}  // namespace relievo
