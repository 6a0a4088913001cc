#include "multiview/strips.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "nn/convolution.h"

namespace relievo {
namespace {

at::Tensor rows_of(const at::Tensor& x, int64_t first, int64_t count) { return x.narrow(2, first, count); }

at::Tensor empty_picture(at::IntArrayRef shape, const at::TensorOptions& options) {
  return at::empty(shape, options.memory_format(at::MemoryFormat::ChannelsLast));
}

/// Calls the body with ranges of a batch's pictures, `body(first, count)`: on the CPU with one at a time,
/// because only a picture's own rows are contiguous in memory, which our kernels need; on a GPU, where every
/// launch counts, with all.
template <typename Body>
void for_pictures(const at::Tensor& x, const Body& body) {
  const int64_t step = x.is_cpu() ? 1 : x.size(0);
  for (int64_t first = 0; first < x.size(0); first += step) body(first, step);
}

/// The norms of a batch, one for each of the ranges of for_pictures().
std::vector<GroupNorm::Affine> affines_of(const GroupNorm& norm, const at::Tensor& x,
                                          const SharedRows* shared) {
  std::vector<GroupNorm::Affine> affines;
  for_pictures(x, [&](int64_t first, int64_t count) {
    affines.push_back(norm.affine(x.narrow(0, first, count), shared));
  });
  return affines;
}

/// Writes the rows from `first` on of x, normalised and with SiLU.
void fill_normed(const at::Tensor& rows, const at::Tensor& x, const std::vector<GroupNorm::Affine>& affines,
                 int64_t first) {
  size_t range = 0;
  for_pictures(x, [&](int64_t i, int64_t count) {
    affines[range++].silu_into(rows.narrow(0, i, count), rows_of(x.narrow(0, i, count), first, rows.size(2)));
  });
}

/// Writes results to their rows of `out`.
auto into(const at::Tensor& out) {
  return
      [out](const at::Tensor& result, int64_t first) { rows_of(out, first, result.size(2)).copy_(result); };
}

/// The rows of the neighbours above and below; undefined where the picture ends.
std::pair<at::Tensor, at::Tensor> neighbours_of(const StripSource& source, const Strips& strips) {
  if (!strips.shared) return {};
  const at::Tensor edges =
      empty_picture({source.shape[0], source.shape[1], 2, source.shape[3]}, source.options);
  source.fill(rows_of(edges, 0, 1), 0);
  source.fill(rows_of(edges, 1, 1), source.shape[2] - 1);
  return strips.shared->neighbours(edges);
}

/// Writes a row, or zeros where it is undefined.
void set_row(const at::Tensor& row, const at::Tensor& values) {
  if (values.defined()) {
    row.copy_(values);
  } else {
    row.zero_();
  }
}

}  // namespace

void convolve(const StripSource& source, const Conv2d& conv, const Strips& strips,
              const std::function<void(const at::Tensor& result, int64_t first)>& take) {
  const int64_t channels = source.shape[1], height = source.shape[2], width = source.shape[3];
  const int64_t row_bytes = width * channels * static_cast<int64_t>(source.options.dtype().itemsize());
  // Strips begin where a tile of the whole picture's convolution does (nn/convolution.h).
  const int64_t rows =
      std::min(height, std::max(strips.bytes / row_bytes / kTileRows, int64_t{1}) * kTileRows);
  const auto [above, below] = neighbours_of(source, strips);
  // A strip with one more row above it and below it, which are zero outside the picture.
  const at::Tensor held = empty_picture({source.shape[0], channels, rows + 2, width}, source.options);
  set_row(rows_of(held, 0, 1), above);
  for (int64_t first = 0; first < height; first += rows) {
    strips.cancel.check();
    const int64_t count = std::min(rows, height - first), last = first + count;
    const int64_t known = first == 0 ? 0 : first + 1, wanted = std::min(last + 1, height);
    if (wanted > known) source.fill(rows_of(held, known - first + 1, wanted - known), known);
    if (last == height) set_row(rows_of(held, count + 1, 1), below);
    std::vector<at::Tensor> results;
    for_pictures(held, [&](int64_t i, int64_t pictures) {
      const at::Tensor strip = rows_of(held.narrow(0, i, pictures), 0, count + 2);
      results.push_back(convolve(strip, conv.weight, conv.bias, {.rows = 0, .columns = 1}));
    });
    take(results.size() == 1 ? results.front() : at::cat(results), first);
    if (last < height) rows_of(held, 0, 2).copy_(rows_of(held, count, 2));
  }
}

at::Tensor normed_convolution(const at::Tensor& x, const GroupNorm& norm, const Conv2d& conv,
                              const Strips& strips) {
  const at::Tensor out = empty_picture({x.size(0), conv.weight.size(0), x.size(2), x.size(3)}, x.options());
  const std::vector<GroupNorm::Affine> affines = affines_of(norm, x, strips.shared);
  const auto fill = [&](const at::Tensor& rows, int64_t first) { fill_normed(rows, x, affines, first); };
  convolve({x.sizes(), x.options(), fill}, conv, strips, into(out));
  return out;
}

at::Tensor upsampled_convolution(const at::Tensor& x, const Conv2d& conv, const Strips& strips) {
  const std::array<int64_t, 4> shape{x.size(0), x.size(1), 2 * x.size(2), 2 * x.size(3)};
  const at::Tensor out = empty_picture({shape[0], conv.weight.size(0), shape[2], shape[3]}, x.options());
  const auto fill = [&](const at::Tensor& rows, int64_t first) {
    const int64_t from = first / 2, to = (first + rows.size(2) + 1) / 2;
    for_pictures(x, [&](int64_t i, int64_t count) {
      const at::Tensor grown = at::upsample_nearest2d(rows_of(x.narrow(0, i, count), from, to - from),
                                                      {2 * (to - from), shape[3]});
      rows.narrow(0, i, count).copy_(rows_of(grown, first - 2 * from, rows.size(2)));
    });
  };
  convolve({shape, x.options(), fill}, conv, strips, into(out));
  return out;
}

at::Tensor forward_in_strips(const ResnetBlock& block, const at::Tensor& x, const Strips& strips) {
  const at::Tensor hidden = normed_convolution(x, *block.norm1, *block.conv1, strips);
  const std::vector<GroupNorm::Affine> affines = affines_of(*block.norm2, hidden, strips.shared);
  // This may be done in place: a strip's rows have been read when its result is written.
  const auto fill = [&](const at::Tensor& rows, int64_t first) { fill_normed(rows, hidden, affines, first); };
  convolve({hidden.sizes(), x.options(), fill}, *block.conv2, strips,
           [&](const at::Tensor& result, int64_t first) {
             for_pictures(x, [&](int64_t i, int64_t count) {
               const at::Tensor above = rows_of(x.narrow(0, i, count), first, result.size(2));
               at::Tensor rows = rows_of(hidden.narrow(0, i, count), first, result.size(2));
               at::add_out(rows, result.narrow(0, i, count),
                           block.shortcut ? block.shortcut->forward(above) : above);
             });
           });
  return hidden;
}

}  // namespace relievo
