#include "foreground/subject_map.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "base/parallel.h"
#include "base/resample.h"

namespace relievo {
namespace {

constexpr int kLargestSide = 2048;

// These are the statistics of ImageNet.
constexpr float kMean[] = {0.485f, 0.456f, 0.406f};
constexpr float kDeviation[] = {0.229f, 0.224f, 0.225f};

/// Averages the RGB of each block of `k` x `k` pixels; blocks at the right and the bottom may be smaller.
Image block_means(const Image& picture, int k) {
  Image result((picture.width + k - 1) / k, (picture.height + k - 1) / k, 3);
  result.linear = picture.linear;
  parallel_for(result.height, 4, [&](int64_t first, int64_t last) {
    for (int y = static_cast<int>(first); y < last; ++y) {
      const int bottom = std::min(picture.height, (y + 1) * k);
      for (int x = 0; x < result.width; ++x) {
        const int right = std::min(picture.width, (x + 1) * k);
        float* mean = result.pixel(x, y);
        for (int row = y * k; row < bottom; ++row) {
          for (int column = x * k; column < right; ++column) {
            const float* pixel = picture.pixel(column, row);
            for (int c = 0; c < 3; ++c) mean[c] += std::max(pixel[c], 0.0f);
          }
        }
        const auto count = static_cast<float>((bottom - y * k) * (right - x * k));
        for (int c = 0; c < 3; ++c) mean[c] /= count;
      }
    }
  });
  return result;
}

}  // namespace

ByteImage colour_bytes(const Image& picture) {
  const int longer = std::max(picture.width, picture.height);
  return to_bytes(block_means(picture, longer / kLargestSide + 1));
}

at::Tensor network_input(const ByteImage& rgb) {
  const at::Tensor bytes =
      at::from_blob(const_cast<uint8_t*>(rgb.pixels.data()), {rgb.height, rgb.width, 3}, at::kByte);
  const at::Tensor highest = bytes.max().clamp_min(1);
  const at::Tensor mean = at::tensor(at::ArrayRef<float>(kMean, 3)),
                   deviation = at::tensor(at::ArrayRef<float>(kDeviation, 3));
  const at::Tensor normalised = (bytes.to(at::kFloat) / highest.to(at::kFloat) - mean) / deviation;
  return normalised.permute({2, 0, 1}).unsqueeze(0).contiguous();
}

Mask subject_map(const ByteImage& rgb, U2Net& network, const Execution& execution) {
  const ByteImage resized = resample(rgb, kSubjectMapSide, kSubjectMapSide, ResampleFilter::kLanczos);
  const at::Tensor pixels = network_input(resized).to(execution.options());
  const auto maps = network.forward(
      pixels, [&](const std::string&, const at::Tensor&) { execution.control.cancel.check(); });
  const at::Tensor map = maps[0].to(at::kCPU, at::kFloat).contiguous();
  Mask result(kSubjectMapSide, kSubjectMapSide);
  std::copy_n(map.data_ptr<float>(), result.values.size(), result.values.begin());
  return result;
}

Mask stretched(const Mask& map) {
  const auto [low, high] = std::minmax_element(map.values.begin(), map.values.end());
  Mask result(map.width, map.height, 1.0f);
  if (*low == *high) return result;
  std::transform(map.values.begin(), map.values.end(), result.values.begin(),
                 [low = *low, range = *high - *low](float value) { return (value - low) / range; });
  return result;
}

}  // namespace relievo
