#include "multiview/conditioning.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "base/error.h"
#include "base/resample.h"

namespace relievo {
namespace {

constexpr double kLatentShift = 0.22, kLatentScale = 0.75, kImageScale = 0.5 / 0.8;

}  // namespace

Extractor clip_extractor() {
  return {.side = 224,
          .mean = {0.48145466f, 0.4578275f, 0.40821073f},
          .deviation = {0.26862954f, 0.26130258f, 0.27577711f}};
}

Extractor vae_extractor() {
  return {.side = 320, .mean = {0.5f, 0.5f, 0.5f}, .deviation = {0.8f, 0.8f, 0.8f}};
}

ByteImage resized_and_cropped(const ByteImage& rgb, int side) {
  if (rgb.pixels.empty() || rgb.channels != 3) {
    throw Error(ErrorCode::kInvalidImage, "The picture is empty or not RGB.", "Choose another picture.");
  }
  const int shorter = std::min(rgb.width, rgb.height);
  const auto scaled = [&](int edge) {
    return edge == shorter ? side : static_cast<int>(static_cast<int64_t>(side) * edge / shorter);
  };
  const ByteImage resized = resample(rgb, scaled(rgb.width), scaled(rgb.height), ResampleFilter::kBicubic);
  const int left = (resized.width - side) / 2, top = (resized.height - side) / 2;
  ByteImage cropped(side, side, 3);
  for (int y = 0; y < side; ++y) std::copy_n(resized.pixel(left, top + y), 3 * side, cropped.pixel(0, y));
  return cropped;
}

at::Tensor normalised(const ByteImage& picture, const Extractor& extractor) {
  const auto constant = [](const std::array<float, 3>& values) {
    return at::tensor(at::ArrayRef<float>(values)).view({1, 3, 1, 1});
  };
  const at::Tensor bytes = at::from_blob(const_cast<uint8_t*>(picture.pixels.data()),
                                         {1, picture.height, picture.width, 3}, at::kByte);
  const at::Tensor values = bytes.permute({0, 3, 1, 2}).to(at::kFloat).contiguous() / 255;
  return (values - constant(extractor.mean)) / constant(extractor.deviation);
}

at::Tensor extract(const ByteImage& rgb, const Extractor& extractor) {
  return normalised(resized_and_cropped(rgb, extractor.side), extractor);
}

at::Tensor scale_latents(const at::Tensor& latents) { return (latents - kLatentShift) * kLatentScale; }
at::Tensor unscale_latents(const at::Tensor& latents) { return latents / kLatentScale + kLatentShift; }
at::Tensor scale_image(const at::Tensor& image) { return image * kImageScale; }
at::Tensor unscale_image(const at::Tensor& image) { return image / kImageScale; }

at::Tensor prompt_states(const at::Tensor& empty_prompt, const at::Tensor& image_embedding,
                         const at::Tensor& ramp) {
  return at::stack({empty_prompt, empty_prompt + image_embedding * ramp.unsqueeze(-1)});
}

}  // namespace relievo
