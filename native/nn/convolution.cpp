#include "nn/convolution.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "base/parallel.h"
#include "kernels/matrix_product.h"
#include "kernels/winograd.h"

namespace relievo {
namespace {

using kernels::kWinogradElements;
using kernels::kWinogradLanes;

bool are_learning(const at::Tensor& x, const at::Tensor& weight) {
  return at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad());
}

/// Whether both are of this type on a processor that the kernels are made for, without gradients.
bool are_for_kernels(const at::Tensor& x, const at::Tensor& weight, at::ScalarType type) {
  const auto is_of_type = [&](const at::Tensor& t) { return t.is_cpu() && t.scalar_type() == type; };
  return is_of_type(x) && is_of_type(weight) && !are_learning(x, weight) && kernels::has_matrix_product_cpu();
}

bool is_channels_last(const at::Tensor& x) { return x.is_contiguous(at::MemoryFormat::ChannelsLast); }

const float* numbers(const at::Tensor& x) { return x.defined() ? x.const_data_ptr<float>() : nullptr; }
template <typename T>
const T* numbers_of(const at::Tensor& x) {
  return x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
}

constexpr int64_t kLeastWidth = 8;                    // pixels, below which most of a tile is padding
constexpr int64_t kTileNumbers = int64_t{6} << 20;    // of transformed tiles at a time
constexpr int64_t kWeightNumbers = int64_t{2} << 20;  // the same of weights

/// Returns how many of `all` go together, a multiple of 32, so that they are about `most` numbers.
int64_t part_of(int64_t all, int64_t numbers_each, int64_t most) {
  constexpr int64_t kStep = kernels::kPanel;
  return std::min(all, std::max(most / numbers_each / kStep, int64_t{1}) * kStep);
}

bool has_fast_convolution(const at::Tensor& x, const at::Tensor& weight, Padding padding) {
  const bool is_typed = are_for_kernels(x, weight, at::kFloat) ||
                        (are_for_kernels(x, weight, at::kBFloat16) && !kernels::has_amx());
  return is_typed && is_channels_last(x) && weight.size(2) == 3 && weight.size(3) == 3 &&
         padding.columns == 1 && padding.rows <= 1 && x.size(1) % kWinogradLanes == 0 &&
         weight.size(0) % kWinogradLanes == 0 && x.size(3) >= kLeastWidth;
}

/// T is the type of x, weight and bias.
template <typename T>
at::Tensor convolve_by_tiles(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             Padding padding) {
  const kernels::WinogradShape shape{x.size(0), x.size(2), x.size(3), padding.rows};
  const int64_t inputs = x.size(1), outputs = weight.size(0), tiles = shape.tiles();
  const at::Tensor taps = is_channels_last(weight) ? weight : weight.contiguous();
  at::Tensor out = at::empty({x.size(0), outputs, shape.out_height(), x.size(3)},
                             x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const int64_t some_tiles = part_of(tiles, kWinogradElements * inputs, kTileNumbers);
  const int64_t some_outputs = part_of(outputs, kWinogradElements * inputs, kWeightNumbers);
  const auto floats = x.options().dtype(at::kFloat);
  const at::Tensor turned_tiles = at::empty({kWinogradElements * some_tiles * inputs}, floats);
  const at::Tensor turned_weights =
      at::empty({kWinogradElements * kernels::packed_size(some_outputs, inputs)}, floats);
  const at::Tensor products = at::empty({kWinogradElements * some_tiles * some_outputs}, floats);
  for (int64_t tile = 0; tile < tiles; tile += some_tiles) {
    const int64_t count = std::min(some_tiles, tiles - tile);
    kernels::winograd_input_cpu(kernels::WinogradInput<T>{.in = numbers_of<T>(x),
                                                          .shape = shape,
                                                          .channels = inputs,
                                                          .first = tile,
                                                          .tiles = count,
                                                          .to = turned_tiles.mutable_data_ptr<float>()});
    for (int64_t output = 0; output < outputs; output += some_outputs) {
      const int64_t columns = std::min(some_outputs, outputs - output);
      kernels::winograd_weights_cpu(
          kernels::WinogradWeights<T>{.weight = numbers_of<T>(taps) + output * 9 * inputs,
                                      .channels_last = is_channels_last(taps),
                                      .outputs = columns,
                                      .inputs = inputs,
                                      .to = turned_weights.mutable_data_ptr<float>()});
      parallel_for(kWinogradElements, 1, [&](int64_t element, int64_t) {
        kernels::multiply_packed(
            {.rows = numbers(turned_tiles) + element * count * inputs,
             .row_stride = inputs,
             .panels = numbers(turned_weights) + element * kernels::packed_size(columns, inputs),
             .out = products.mutable_data_ptr<float>() + element * count * columns,
             .out_stride = columns,
             .count = count,
             .columns = columns,
             .depth = inputs});
      });
      kernels::winograd_output_cpu(
          kernels::WinogradOutput<T>{.products = numbers(products),
                                     .bias = bias.defined() ? numbers_of<T>(bias) + output : nullptr,
                                     .shape = shape,
                                     .channels = columns,
                                     .first = tile,
                                     .tiles = count,
                                     .out = static_cast<T*>(out.mutable_data_ptr()) + output,
                                     .row = outputs});
    }
  }
  return out;
}

}  // namespace

at::Tensor apply_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (x.dim() < 2 || x.numel() == 0 || !are_for_kernels(x, weight, at::kFloat)) {
    return at::linear(x, weight, bias);
  }
  const at::Tensor rows = x.contiguous(), matrix = weight.contiguous();
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  at::Tensor out = at::empty(sizes, x.options());
  kernels::matrix_product_cpu({.rows = numbers(rows),
                               .matrix = numbers(matrix),
                               .bias = numbers(bias),
                               .out = out.mutable_data_ptr<float>(),
                               .count = x.numel() / x.size(-1),
                               .columns = weight.size(0),
                               .depth = x.size(-1)});
  return out;
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Padding padding) {
  if (!has_fast_convolution(x, weight, padding)) {
    return at::conv2d(x, weight, bias, 1, at::IntArrayRef{padding.rows, padding.columns});
  }
  return x.scalar_type() == at::kFloat ? convolve_by_tiles<float>(x, weight, bias, padding)
                                       : convolve_by_tiles<kernels::BFloat16>(x, weight, bias, padding);
}

}  // namespace relievo
