#include "reconstruct/compact_input.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "kernels/distance_transform.h"

namespace relievo {
namespace {

at::Tensor outline_distance_of(const at::Tensor& alpha) {
  const int side = static_cast<int>(alpha.size(0));
  const at::Tensor inside = alpha.gt(0.5).to(at::kByte).contiguous();
  const auto* data = inside.const_data_ptr<uint8_t>();
  std::vector<uint8_t> in(data, data + inside.numel()), out(in.size());
  for (size_t i = 0; i < in.size(); ++i) out[i] = in[i] ? 0 : 1;
  const std::vector<float> to_in = kernels::distance_transform(in, side, side);
  const std::vector<float> to_out = kernels::distance_transform(out, side, side);
  at::Tensor result = at::empty({side, side}, at::kFloat);
  auto* values = result.mutable_data_ptr<float>();
  for (size_t i = 0; i < in.size(); ++i) {
    // The outline lies half way between two pixels.
    const float pixels = in[i] ? std::min(to_out[i], 1e6f) - 0.5f : 0.5f - std::min(to_in[i], 1e6f);
    values[i] = std::clamp(2 * pixels / static_cast<float>(side), -1.0f, 1.0f);
  }
  return result;
}

}  // namespace

std::shared_ptr<const InflatedField> inflate_small(const at::Tensor& rgba) {
  const at::Tensor pixels = rgba.to(at::kFloat).contiguous();
  const int side = static_cast<int>(pixels.size(0));
  Foreground foreground;
  foreground.image = Image(side, side, 4);
  std::copy_n(pixels.const_data_ptr<float>(), pixels.numel(), foreground.image.pixels.begin());
  return inflate(foreground, {.side = side}, {});
}

at::Tensor heights_in_picture(const InflatedField& inflation, int64_t side) {
  const at::Tensor places = (at::arange(side, at::kFloat) + 0.5) * (2.0 / static_cast<double>(side)) - 1;
  const at::Tensor y = places.unsqueeze(0).expand({side, side}),
                   z = -places.unsqueeze(1).expand({side, side});
  return inflation.heights(at::stack({y, z}, 2).view({-1, 2})).view({side, side});
}

at::Tensor compact_input(const at::Tensor& rgba, const at::Tensor& heights) {
  const at::Tensor alpha = rgba.slice(3, 3, 4), colour = rgba.slice(3, 0, 3);
  std::vector<at::Tensor> distances;
  for (const at::Tensor& one : alpha.squeeze(3).unbind(0)) distances.push_back(outline_distance_of(one));
  const at::Tensor distance = at::stack(distances).unsqueeze(3);
  return at::cat({(colour - 0.5) * alpha, alpha, distance, heights.unsqueeze(3)}, 3)
      .permute({0, 3, 1, 2})
      .contiguous();
}

}  // namespace relievo
