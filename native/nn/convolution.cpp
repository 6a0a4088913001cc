#include "nn/convolution.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "base/parallel.h"
#include "kernels/matrix_product.h"
#include "kernels/winograd.h"
#include "nn/plain_pass.h"

namespace relievo {
namespace {

using kernels::kWinogradElements;
using kernels::kWinogradLanes;

bool are_learning(const at::Tensor& x, const at::Tensor& weight) {
  return PlainPass::is_on() || (at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad()));
}

/// Whether both are of this type on a processor that the kernels are made for, without gradients.
bool are_for_kernels(const at::Tensor& x, const at::Tensor& weight, at::ScalarType type) {
  const auto is_of_type = [&](const at::Tensor& t) { return t.is_cpu() && t.scalar_type() == type; };
  return is_of_type(x) && is_of_type(weight) && !are_learning(x, weight) && kernels::has_matrix_product_cpu();
}

bool is_channels_last(const at::Tensor& x) { return x.is_contiguous(at::MemoryFormat::ChannelsLast); }

template <typename T = float>
const T* numbers_of(const at::Tensor& x) {
  return x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
}

/// What a thread keeps, and whether it does.
struct KeptRoom {
  at::Tensor numbers;
  bool is_kept = false;
};
thread_local KeptRoom kept_room;

/// Returns so many floats or more.
at::Tensor room_for(int64_t count) {
  at::Tensor& kept = kept_room.numbers;
  if (kept.defined() && kept.numel() >= count) return kept;
  kept.reset();
  at::Tensor room = at::empty({count}, at::kFloat);
  if (kept_room.is_kept) kept = room;
  return room;
}

constexpr int64_t kLeastWidth = 8;  // pixels, below which most of a tile is padding
// Numbers of transformed tiles with their products, and of transformed weights, at a time: kConvolutionBytes.
constexpr int64_t kTileNumbers = int64_t{9} << 20, kWeightNumbers = int64_t{2} << 20;

/// Returns the size of equal parts of `all`, a multiple of `step`, and `most` at most or one step.
int64_t part_of(int64_t all, int64_t most, int64_t step) {
  const int64_t steps = (all + step - 1) / step, most_steps = std::max(most / step, int64_t{1});
  const int64_t parts = (steps + most_steps - 1) / most_steps;
  return (steps + parts - 1) / parts * step;
}

bool has_tiles(const at::Tensor& x, const at::Tensor& weight, Padding padding) {
  const bool is_typed = are_for_kernels(x, weight, at::kFloat) ||
                        (are_for_kernels(x, weight, at::kBFloat16) && !kernels::has_amx());
  return is_typed && is_channels_last(x) && weight.size(2) == 3 && weight.size(3) == 3 &&
         padding.columns == 1 && padding.rows <= 1 && x.size(3) >= kLeastWidth;
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
  const int64_t some_outputs =
      std::min(part_of(outputs, kWeightNumbers / (kWinogradElements * inputs), kernels::kPanel), outputs);
  const int64_t row = kernels::apart_in_cache(inputs);
  const int64_t some_tiles =
      part_of(tiles, kTileNumbers / (kWinogradElements * (row + some_outputs)), kernels::kProductRows);
  const int64_t tile_step = kernels::apart_in_cache(some_tiles * row);
  const int64_t weight_step = kernels::apart_in_cache(kernels::packed_size(some_outputs, inputs));
  const int64_t product_step = kernels::apart_in_cache(some_tiles * some_outputs);
  const at::Tensor room = room_for(kWinogradElements * (tile_step + weight_step + product_step));
  float* const turned_tiles = room.mutable_data_ptr<float>();
  float* const turned_weights = turned_tiles + kWinogradElements * tile_step;
  float* const products = turned_weights + kWinogradElements * weight_step;
  for (int64_t tile = 0; tile < tiles; tile += some_tiles) {
    const int64_t count = std::min(some_tiles, tiles - tile);
    kernels::winograd_input_cpu(kernels::WinogradInput<T>{.in = numbers_of<T>(x),
                                                          .shape = shape,
                                                          .channels = inputs,
                                                          .first = tile,
                                                          .tiles = count,
                                                          .to = turned_tiles,
                                                          .row = row,
                                                          .step = tile_step});
    for (int64_t output = 0; output < outputs; output += some_outputs) {
      const int64_t columns = std::min(some_outputs, outputs - output);
      kernels::winograd_weights_cpu(
          kernels::WinogradWeights<T>{.weight = numbers_of<T>(taps) + output * 9 * inputs,
                                      .channels_last = is_channels_last(taps),
                                      .outputs = columns,
                                      .inputs = inputs,
                                      .to = turned_weights,
                                      .step = weight_step});
      parallel_for(kWinogradElements, 1, [&](int64_t element, int64_t) {
        kernels::multiply_packed({.rows = turned_tiles + element * tile_step,
                                  .row_stride = row,
                                  .panels = turned_weights + element * weight_step,
                                  .out = products + element * product_step,
                                  .out_stride = columns,
                                  .count = count,
                                  .columns = columns,
                                  .depth = inputs});
      });
      kernels::winograd_output_cpu(
          kernels::WinogradOutput<T>{.products = products,
                                     .step = product_step,
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

/// The same with channels filled up to whole lanes by zeros.
at::Tensor convolve_in_lanes(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                             Padding padding) {
  const auto missing = [](int64_t count) {
    return (kWinogradLanes - count % kWinogradLanes) % kWinogradLanes;
  };
  const int64_t inputs = missing(x.size(1)), outputs = missing(weight.size(0));
  at::Tensor full = x, taps = weight, addends = bias;
  if (inputs > 0)
    full = at::constant_pad_nd(x, {0, 0, 0, 0, 0, inputs}).contiguous(at::MemoryFormat::ChannelsLast);
  if (inputs > 0 || outputs > 0) taps = at::constant_pad_nd(weight, {0, 0, 0, 0, 0, inputs, 0, outputs});
  if (outputs > 0 && bias.defined()) addends = at::constant_pad_nd(bias, {0, outputs});
  const at::Tensor out = x.scalar_type() == at::kFloat
                             ? convolve_by_tiles<float>(full, taps, addends, padding)
                             : convolve_by_tiles<kernels::BFloat16>(full, taps, addends, padding);
  if (outputs == 0) return out;
  return out.narrow(1, 0, weight.size(0)).contiguous(at::MemoryFormat::ChannelsLast);
}

/// Computes out `[count, columns]` = rows `[count, depth]` times matrix `[columns, depth]` transposed + bias,
/// all contiguous float32.
void multiply_into(const at::Tensor& out, const at::Tensor& rows, const at::Tensor& matrix,
                   const at::Tensor& bias) {
  kernels::matrix_product_cpu({.rows = numbers_of(rows),
                               .matrix = numbers_of(matrix),
                               .bias = numbers_of(bias),
                               .out = out.mutable_data_ptr<float>(),
                               .count = rows.numel() / matrix.size(1),
                               .columns = matrix.size(0),
                               .depth = matrix.size(1)});
}

/// Multiplies the picture's patches, some rows of them at a time, by the weights.
at::Tensor convolve_by_patches(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                               Padding padding, int64_t stride) {
  constexpr int64_t kPatchNumbers = kConvolutionBytes / int64_t{sizeof(float)};
  const int64_t rows = weight.size(2), columns = weight.size(3), outputs = weight.size(0);
  const bool is_padded = padding.rows > 0 || padding.columns > 0;
  const at::Tensor wide =
      is_padded ? at::constant_pad_nd(x, {padding.columns, padding.columns, padding.rows, padding.rows}) : x;
  // [B, height, width, kernel's rows, its columns, channels]
  const at::Tensor patches = wide.permute({0, 2, 3, 1})
                                 .unfold(1, rows, stride)
                                 .unfold(2, columns, stride)
                                 .permute({0, 1, 2, 4, 5, 3});
  const int64_t height = patches.size(1), width = patches.size(2), depth = rows * columns * x.size(1);
  const at::Tensor matrix = weight.permute({0, 2, 3, 1}).reshape({outputs, depth}).contiguous();
  const at::Tensor out = at::empty({x.size(0), height, width, outputs}, x.options());
  const int64_t some = std::clamp<int64_t>(kPatchNumbers / (width * depth), 1, height);
  for (int64_t picture = 0; picture < x.size(0); ++picture) {
    for (int64_t first = 0; first < height; first += some) {
      const int64_t count = std::min(some, height - first);
      const at::Tensor part =
          patches[picture].narrow(0, first, count).reshape({count * width, depth}).contiguous();
      const at::Tensor results = out[picture].narrow(0, first, count).view({count * width, outputs});
      if (x.scalar_type() == at::kFloat) {
        multiply_into(results, part, matrix, bias);
      } else {
        results.copy_(at::linear(part, matrix, bias));
      }
    }
  }
  return out.permute({0, 3, 1, 2});
}

/// Whether the kernel's rows are multiplied where they lie: where there are steps, or too few channels for
/// tiles, in pictures that are wide enough for the weights to be read from a cache.
bool has_rows(const at::Tensor& x, const at::Tensor& weight, Padding padding, int64_t stride) {
  constexpr int64_t kLeastOut = 32;
  const int64_t out_width = (x.size(3) + 2 * padding.columns - weight.size(3)) / stride + 1;
  const bool is_thin = x.size(1) < kWinogradLanes && weight.size(3) == 3;
  const int64_t weight_bytes =
      kernels::packed_size(weight.size(0), weight[0].numel()) * int64_t{sizeof(float)};
  return (is_thin || (stride > 1 && stride < weight.size(3))) && out_width >= kLeastOut &&
         weight_bytes <= kConvolutionBytes;
}

/// Computes float32.
at::Tensor convolve_by_rows(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            Padding padding, int64_t stride) {
  constexpr auto kLast = at::MemoryFormat::ChannelsLast;
  const bool is_padded = padding.rows > 0 || padding.columns > 0;
  const at::Tensor wide =
      (is_padded ? at::constant_pad_nd(x, {padding.columns, padding.columns, padding.rows, padding.rows}) : x)
          .contiguous(kLast);
  const at::Tensor taps = weight.contiguous(kLast);
  kernels::RowConvolution convolution{.in = numbers_of(wide),
                                      .weight = numbers_of(taps),
                                      .bias = numbers_of(bias),
                                      .batch = wide.size(0),
                                      .height = wide.size(2),
                                      .width = wide.size(3),
                                      .inputs = wide.size(1),
                                      .outputs = weight.size(0),
                                      .kernel_rows = weight.size(2),
                                      .kernel_columns = weight.size(3),
                                      .stride = stride};
  at::Tensor out =
      at::empty({wide.size(0), weight.size(0), convolution.out_height(), convolution.out_width()},
                x.options().memory_format(kLast));
  convolution.out = out.mutable_data_ptr<float>();
  kernels::convolve_rows_cpu(convolution);
  return out;
}

}  // namespace

KeptConvolutionRoom::KeptConvolutionRoom() { kept_room.is_kept = true; }
KeptConvolutionRoom::~KeptConvolutionRoom() { kept_room = {}; }

at::Tensor apply_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (x.dim() < 2 || x.numel() == 0 || !are_for_kernels(x, weight, at::kFloat)) {
    return at::linear(x, weight, bias);
  }
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  at::Tensor out = at::empty(sizes, x.options());
  multiply_into(out, x.contiguous(), weight.contiguous(), bias);
  return out;
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, Padding padding,
                    int64_t stride) {
  const bool is_float = are_for_kernels(x, weight, at::kFloat);
  const bool is_bfloat = !is_float && are_for_kernels(x, weight, at::kBFloat16);
  if ((is_channels_last(x) || stride > 1) && has_rows(x, weight, padding, stride)) {
    if (is_float) return convolve_by_rows(x, weight, bias, padding, stride);
    if (is_bfloat && stride == 1 && !kernels::has_amx()) {
      const auto in_float = [](const at::Tensor& t) { return t.defined() ? t.to(at::kFloat) : t; };
      return convolve_by_rows(in_float(x), in_float(weight), in_float(bias), padding, 1).to(at::kBFloat16);
    }
  }
  if (stride == 1 && has_tiles(x, weight, padding)) return convolve_in_lanes(x, weight, bias, padding);
  // Patches beside each other have no pixel twice; others would take more time than torch's convolution does.
  const bool is_cut = is_bfloat && stride > 1 && stride == weight.size(2) && stride == weight.size(3);
  if (is_cut || (is_float && (is_channels_last(x) || stride > 1)))
    return convolve_by_patches(x, weight, bias, padding, stride);
  return at::conv2d(x, weight, bias, stride, at::IntArrayRef{padding.rows, padding.columns});
}

}  // namespace relievo
