// Products of float32 matrices on a processor, in which a number of the result depends on its own row and
// column alone: not on how many rows there are, how they are cut into parts, or how many threads compute. So
// a picture's result is that of the picture alone, in any batch. (oneDNN and MKL choose among kernels by the
// size.)
//
// After Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): the second matrix
// is packed into panels, and a block of the result stays in registers while both are read.
#pragma once

#include <cstdint>

namespace relievo::kernels {

inline constexpr int64_t kPanel = 32;        ///< columns of the result that are packed together
inline constexpr int64_t kProductRows = 12;  ///< rows of it that are computed quickest together

/// Whether this processor has the instructions, AVX-512 or AVX2 with FMA.
bool has_matrix_product_cpu();
/// Whether this processor multiplies matrices of bfloat16 by AMX, eight times as fast as float.
bool has_amx();

/// Returns how many numbers the panels of a matrix [columns, depth] have: columns are filled up to whole
/// panels.
inline int64_t packed_size(int64_t columns, int64_t depth) {
  return (columns + kPanel - 1) / kPanel * kPanel * depth;
}

struct PackedProduct {
  const float* rows = nullptr;  ///< [count, depth], each row `row_stride` after the one before
  int64_t row_stride = 0;
  const float* panels = nullptr;  ///< the second matrix [columns, depth] as panels [columns / 32, depth, 32]
  const float* bias = nullptr;    ///< [columns], or none
  float* out = nullptr;           ///< [count, columns], each row `out_stride` after the one before
  int64_t out_stride = 0;
  int64_t count = 0, columns = 0, depth = 0;
  bool adds = false;  ///< to what is in `out`, instead of setting it
};

/// Computes `out = rows * matrix^T + bias` on the calling thread.
void multiply_packed(const PackedProduct& product);

struct MatrixProduct {
  const float* rows = nullptr;    ///< [count, depth]
  const float* matrix = nullptr;  ///< [columns, depth]
  const float* bias = nullptr;    ///< [columns], or none
  float* out = nullptr;           ///< [count, columns]
  int64_t count = 0, columns = 0, depth = 0;
};

/// Computes `out = rows * matrix^T + bias`. The matrix is packed 8 MiB at a time.
void matrix_product_cpu(const MatrixProduct& product);

/// A convolution of pictures whose channels lie last in memory, each of whose results is a sum of products
/// over the kernel's rows: those of a patch lie one behind the other, so that nothing is copied.
struct RowConvolution {
  const float* in = nullptr;      ///< [batch, height, width, inputs], padded
  const float* weight = nullptr;  ///< [outputs, kernel_rows, kernel_columns, inputs]
  const float* bias = nullptr;    ///< [outputs], or none
  float* out = nullptr;           ///< [batch, out_height(), out_width(), outputs]
  int64_t batch = 0, height = 0, width = 0, inputs = 0, outputs = 0;
  int64_t kernel_rows = 0, kernel_columns = 0, stride = 1;
  int64_t out_height() const { return (height - kernel_rows) / stride + 1; }
  int64_t out_width() const { return (width - kernel_columns) / stride + 1; }
};

/// Takes memory for the weights once more.
void convolve_rows_cpu(const RowConvolution& convolution);

}  // namespace relievo::kernels
