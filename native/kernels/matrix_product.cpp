#include "kernels/matrix_product.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "base/parallel.h"
#include "kernels/vector_clones.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__SANITIZE_ADDRESS__)
#define RELIEVO_MATRIX_PRODUCT
#include <cpuid.h>
#endif

namespace relievo::kernels {

#ifdef RELIEVO_MATRIX_PRODUCT
namespace {

// Numbers that are added up in registers before they go to memory: a block of the panel, and of the rows
// beside it, stay in the caches of first and second level. It is part of the result, for sums are rounded
// where they end.
constexpr int64_t kDepth = 512;

// Of what is left at the end: the fewest rows that keep the units for products busy.
constexpr int kFewRows = 4;

/// Adds the products of `Rows` rows with `depth` lines of a panel to `out`, or sets it where it is the first
/// part.
template <int Rows, int Floats>
RELIEVO_INLINE void multiply_block(const float* rows, int64_t row_stride, const float* panel, int64_t depth,
                                   bool is_first, float* out, int64_t out_stride) {
  typedef float Vector __attribute__((vector_size(Floats * sizeof(float)), aligned(4), may_alias));
  constexpr int kVectors = kPanel / Floats;
  Vector sums[Rows][kVectors];
  for (int r = 0; r < Rows; ++r) {
    for (int n = 0; n < kVectors; ++n) sums[r][n] = Vector{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vector line[kVectors];
    for (int n = 0; n < kVectors; ++n) line[n] = reinterpret_cast<const Vector*>(panel + k * kPanel)[n];
    for (int r = 0; r < Rows; ++r) {
      const float value = rows[r * row_stride + k];
      for (int n = 0; n < kVectors; ++n) sums[r][n] += value * line[n];
    }
  }
  for (int r = 0; r < Rows; ++r) {
    Vector* to = reinterpret_cast<Vector*>(out + r * out_stride);
    for (int n = 0; n < kVectors; ++n) to[n] = is_first ? sums[r][n] : to[n] + sums[r][n];
  }
}

template <int Rows, int Floats>
RELIEVO_INLINE void multiply_panels(const PackedProduct& p) {
  for (int64_t k = 0; k < p.depth || k == 0; k += kDepth) {
    const int64_t depth = std::min(kDepth, p.depth - k);
    const bool is_first = k == 0 && !p.adds;
    for (int64_t column = 0; column < p.columns; column += kPanel) {
      const float* panel = p.panels + column * p.depth + k * kPanel;
      const int64_t columns = std::min(kPanel, p.columns - column);
      const auto block = [&](auto count, int64_t row) __attribute__((always_inline)) {
        float* out = p.out + row * p.out_stride + column;
        const float* rows = p.rows + row * p.row_stride + k;
        if (columns == kPanel) {
          multiply_block<count(), Floats>(rows, p.row_stride, panel, depth, is_first, out, p.out_stride);
          return;
        }
        float whole[count() * kPanel];
        multiply_block<count(), Floats>(rows, p.row_stride, panel, depth, true, whole, kPanel);
        for (int64_t r = 0; r < count(); ++r) {
          for (int64_t c = 0; c < columns; ++c) {
            float& to = out[r * p.out_stride + c];
            to = is_first ? whole[r * kPanel + c] : to + whole[r * kPanel + c];
          }
        }
      };
      int64_t row = 0;
      for (; row + Rows <= p.count; row += Rows) block(std::integral_constant<int, Rows>(), row);
      if constexpr (Rows > kFewRows) {
        for (; row + kFewRows <= p.count; row += kFewRows)
          block(std::integral_constant<int, kFewRows>(), row);
      }
      for (; row < p.count; ++row) block(std::integral_constant<int, 1>(), row);
    }
  }
}

void add_bias(const PackedProduct& p) {
  for (int64_t row = 0; row < p.count; ++row) {
    float* to = p.out + row * p.out_stride;
    for (int64_t c = 0; c < p.columns; ++c) to[c] += p.bias[c];
  }
}

// As many rows as registers hold: 12 x 2 of 32 vectors, 3 x 4 of 16.
__attribute__((target("avx512f"))) void multiply_avx512(const PackedProduct& p) {
  multiply_panels<kProductRows, 16>(p);
}
__attribute__((target("avx2,fma"))) void multiply_avx2(const PackedProduct& p) { multiply_panels<3, 8>(p); }

bool has_avx512() { return __builtin_cpu_supports("avx512f") != 0; }

}  // namespace

bool has_matrix_product_cpu() {
  static const bool has = has_avx512() || (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
  return has;
}

bool has_amx() {
  constexpr unsigned kAmxBfloat16 = 1u << 22;  // of EDX, leaf 7
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBfloat16) != 0;
}

void multiply_packed(const PackedProduct& product) {
  if (has_avx512())
    multiply_avx512(product);
  else
    multiply_avx2(product);
  if (product.bias) add_bias(product);
}

#else

bool has_matrix_product_cpu() { return false; }
bool has_amx() { return false; }
void multiply_packed(const PackedProduct&) {}

#endif

namespace {

/// Packs `count` rows, at most 32, of `matrix` [count, depth], each `stride` after the one before, into a
/// panel [depth, 32], with zeros for the others.
void pack_panel(const float* matrix, int64_t stride, int64_t count, int64_t depth, float* panel) {
  constexpr int64_t kBlock = 16;  // numbers of a row that are read together, a line of the cache
  for (int64_t k = 0; k < depth; k += kBlock) {
    const int64_t last = std::min(k + kBlock, depth);
    for (int64_t column = 0; column < kPanel; ++column) {
      const float* from = matrix + column * stride;
      for (int64_t i = k; i < last; ++i) panel[i * kPanel + column] = column < count ? from[i] : 0;
    }
  }
}

}  // namespace

void matrix_product_cpu(const MatrixProduct& product) {
  constexpr int64_t kPackedNumbers = int64_t{2} << 20;
  constexpr int64_t kHigh = 16 * kProductRows,
                    kColumns = 8 * kPanel;  // of the result, that a thread computes at a time
  const int64_t depth = product.depth;
  const int64_t together =
      std::max(kPackedNumbers / std::max<int64_t>(depth, 1) / kColumns, int64_t{1}) * kColumns;
  std::vector<float> panels(static_cast<size_t>(packed_size(std::min(together, product.columns), depth)));
  for (int64_t first = 0; first < product.columns; first += together) {
    const int64_t columns = std::min(together, product.columns - first);
    const float* matrix = product.matrix + first * depth;
    parallel_for((columns + kPanel - 1) / kPanel, 2, [&](int64_t panel, int64_t last) {
      for (; panel < last; ++panel) {
        const int64_t column = panel * kPanel;
        pack_panel(matrix + column * depth, depth, std::min(kPanel, columns - column), depth,
                   &panels[static_cast<size_t>(column * depth)]);
      }
    });
    const int64_t wide = (columns + kColumns - 1) / kColumns, high = (product.count + kHigh - 1) / kHigh;
    parallel_for(wide * high, 1, [&](int64_t block, int64_t) {
      const int64_t row = block % high * kHigh, column = block / high * kColumns;
      multiply_packed({.rows = product.rows + row * depth,
                       .row_stride = depth,
                       .panels = &panels[static_cast<size_t>(column * depth)],
                       .bias = product.bias ? product.bias + first + column : nullptr,
                       .out = product.out + row * product.columns + first + column,
                       .out_stride = product.columns,
                       .count = std::min(kHigh, product.count - row),
                       .columns = std::min(kColumns, columns - column),
                       .depth = depth});
    });
  }
}

void convolve_rows_cpu(const RowConvolution& c) {
  const int64_t depth = c.kernel_columns * c.inputs, width = c.out_width(), height = c.out_height();
  const int64_t step = packed_size(c.outputs, depth);  // numbers of one kernel row's panels
  std::vector<float> panels(static_cast<size_t>(c.kernel_rows * step));
  const int64_t across = (c.outputs + kPanel - 1) / kPanel;
  parallel_for(c.kernel_rows * across, 1, [&](int64_t which, int64_t) {
    const int64_t row = which / across, column = which % across * kPanel;
    pack_panel(c.weight + (column * c.kernel_rows + row) * depth, c.kernel_rows * depth,
               std::min(kPanel, c.outputs - column), depth,
               &panels[static_cast<size_t>(row * step + column * depth)]);
  });
  parallel_for(c.batch * height, 1, [&](int64_t line, int64_t) {
    const float* in = c.in + (line / height * c.height + line % height * c.stride) * c.width * c.inputs;
    for (int64_t row = 0; row < c.kernel_rows; ++row) {
      multiply_packed({.rows = in + row * c.width * c.inputs,
                       .row_stride = c.stride * c.inputs,
                       .panels = &panels[static_cast<size_t>(row * step)],
                       .bias = row == 0 ? c.bias : nullptr,
                       .out = c.out + line * width * c.outputs,
                       .out_stride = c.outputs,
                       .count = width,
                       .columns = c.outputs,
                       .depth = depth,
                       .adds = row > 0});
    }
  });
}

}  // namespace relievo::kernels
