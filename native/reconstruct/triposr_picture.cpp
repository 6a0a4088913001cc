#include "reconstruct/triposr_picture.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace relievo {
namespace {

// Returns [H, W, C] in 0..1.
at::Tensor values_of(const ByteImage& picture) {
  return at::from_blob(const_cast<uint8_t*>(picture.pixels.data()),
                       {picture.height, picture.width, picture.channels}, at::kByte)
             .to(at::kFloat) /
         255;
}

}  // namespace

ByteImage over_grey(const ByteImage& rgba) {
  // It is computed by torch, operation by operation, because a fused product and sum would be rounded
  // differently.
  const at::Tensor values = values_of(rgba), alpha = values.slice(2, 3);
  const at::Tensor bytes =
      ((values.slice(2, 0, 3) * alpha + (1 - alpha) * 0.5) * 255).to(at::kByte).contiguous();
  ByteImage rgb(rgba.width, rgba.height, 3);
  std::copy_n(bytes.const_data_ptr<uint8_t>(), bytes.numel(), rgb.pixels.begin());
  return rgb;
}

at::Tensor triposr_picture(const ByteImage& rgb, int64_t side) {
  const at::Tensor values = values_of(rgb).permute({2, 0, 1}).unsqueeze(0).contiguous();
  return at::_upsample_bilinear2d_aa(values, {side, side}, /*align_corners=*/false);
}

}  // namespace relievo
