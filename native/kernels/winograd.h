// A convolution of 3 x 3 by products of 6 x 6 tiles, four times fewer than by its definition: F(4 x 4, 3 x 3)
// of Lavin and Gray ("Fast Algorithms for Convolutional Neural Networks", 2016), for pictures whose channels
// lie last in memory. The points are 0, 3/4, -3/4, 3/2, -3/2 and infinity: a fifth of the rounding error of
// the usual 0, 1, -1, 2, -2 (for choosing points see Barabasz et al., "Error Analysis and Improving the
// Accuracy of Winograd Convolution", 2020), and no more than oneDNN's direct convolution makes.
//
// Weights and tiles are transformed by these functions; between them each of the 36 elements of a tile is a
// product of matrices: [tiles, inputs] by [outputs, inputs] transposed.
#pragma once

#include <cstdint>

#include "kernels/half.h"

namespace relievo::kernels {

inline constexpr int64_t kWinogradOut = 4;  ///< pixels of a tile's result, along each side
inline constexpr int64_t kWinogradIn = 6;   ///< pixels that it reads, along each side
inline constexpr int64_t kWinogradElements = 36;
inline constexpr int64_t kWinogradLanes = 16;  ///< channels that go together; they divide inputs and outputs

/// Returns how far apart rows or matrices of `numbers` floats lie: an odd number of lines of the cache, so
/// that those that are read or written together do not share a place in it.
inline int64_t apart_in_cache(int64_t numbers) {
  constexpr int64_t kLine = 16;
  return ((numbers + kLine - 1) / kLine | 1) * kLine;
}

/// Pictures and weights are float or bfloat16; between them everything is float.
template <typename T>
struct WinogradWeights {
  const T* weight = nullptr;  ///< [outputs, inputs, 3, 3], or with `channels_last` [outputs, 3, 3, inputs]
  bool channels_last = false;
  int64_t outputs = 0, inputs = 0;
  float* to = nullptr;  ///< 36 packed matrices [outputs, inputs] (kernels/matrix_product.h)
  int64_t step = 0;     ///< from one matrix to the next
};

/// A picture is cut into tiles of 4 x 4 results, row by row and picture by picture. What a tile reads beyond
/// the picture is zero: the result is as wide as the picture, and as high with one row of padding.
struct WinogradShape {
  int64_t batch = 0, height = 0, width = 0;
  int64_t padded_rows = 1;  ///< 0 or 1: rows of zeros above, and below
  int64_t out_height() const { return height + 2 * padded_rows - 2; }
  int64_t across() const { return (width + kWinogradOut - 1) / kWinogradOut; }
  int64_t down() const { return (out_height() + kWinogradOut - 1) / kWinogradOut; }
  int64_t tiles() const { return batch * down() * across(); }
};

template <typename T>
struct WinogradInput {
  const T* in = nullptr;  ///< [batch, height, width, channels]
  WinogradShape shape;
  int64_t channels = 0;
  int64_t first = 0, tiles = 0;  ///< which tiles
  float* to = nullptr;           ///< [36, tiles, channels]
  int64_t row = 0, step = 0;     ///< from one tile to the next, and from one element
};

template <typename T>
struct WinogradOutput {
  const float* products = nullptr;  ///< [36, tiles, channels]
  int64_t step = 0;                 ///< from one element to the next
  const T* bias = nullptr;          ///< [channels], or none
  WinogradShape shape;
  int64_t channels = 0;
  int64_t first = 0, tiles = 0;  ///< which tiles
  T* out = nullptr;  ///< [batch, out_height, width, row], of which the first `channels` are written
  int64_t row = 0;
};

void winograd_weights_cpu(const WinogradWeights<float>& weights);
void winograd_weights_cpu(const WinogradWeights<BFloat16>& weights);
void winograd_input_cpu(const WinogradInput<float>& input);
void winograd_input_cpu(const WinogradInput<BFloat16>& input);
void winograd_output_cpu(const WinogradOutput<float>& output);
void winograd_output_cpu(const WinogradOutput<BFloat16>& output);

}  // namespace relievo::kernels
