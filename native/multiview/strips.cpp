#include "multiview/strips.h"

#include <algorithm>
#include <array>
#include <utility>

#include <ATen/ATen.h>

#include "nn/convolution.h"

namespace relievo {
namespace {

at::Tensor rows_of(const at::Tensor& x, int64_t first, int64_t count) { return x.narrow(2, first, count); }

at::Tensor empty_picture(at::IntArrayRef shape, const at::TensorOptions& options) {
  return at::empty(shape, options.memory_format(at::MemoryFormat::ChannelsLast));
}

/// Calls the body for each picture of a batch, because only a picture's own rows are contiguous in memory.
template <typename Body>
void for_each_picture(const at::Tensor& x, const Body& body) {
  for (int64_t i = 0; i < x.size(0); ++i) body(i, x.narrow(0, i, 1));
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
    take(convolve(rows_of(held, 0, count + 2), conv.weight, conv.bias, {.rows = 0, .columns = 1}), first);
    if (last < height) rows_of(held, 0, 2).copy_(rows_of(held, count, 2));
  }
}

at::Tensor normed_convolution(const at::Tensor& x, const GroupNorm& norm, const Conv2d& conv,
                              const Strips& strips) {
  const at::Tensor out = empty_picture({x.size(0), conv.weight.size(0), x.size(2), x.size(3)}, x.options());
  for_each_picture(x, [&](int64_t i, const at::Tensor& picture) {
    const GroupNorm::Affine affine = norm.affine(picture, strips.shared);
    const auto fill = [&](const at::Tensor& rows, int64_t first) {
      affine.silu_into(rows, rows_of(picture, first, rows.size(2)));
    };
    convolve({picture.sizes(), x.options(), fill}, conv, strips, into(out.narrow(0, i, 1)));
  });
  return out;
}

at::Tensor upsampled_convolution(const at::Tensor& x, const Conv2d& conv, const Strips& strips) {
  const at::Tensor out =
      empty_picture({x.size(0), conv.weight.size(0), 2 * x.size(2), 2 * x.size(3)}, x.options());
  for_each_picture(x, [&](int64_t i, const at::Tensor& picture) {
    const std::array<int64_t, 4> shape{1, x.size(1), 2 * x.size(2), 2 * x.size(3)};
    const auto fill = [&](const at::Tensor& rows, int64_t first) {
      const int64_t from = first / 2, to = (first + rows.size(2) + 1) / 2;
      const at::Tensor grown =
          at::upsample_nearest2d(rows_of(picture, from, to - from), {2 * (to - from), shape[3]});
      rows.copy_(rows_of(grown, first - 2 * from, rows.size(2)));
    };
    convolve({shape, x.options(), fill}, conv, strips, into(out.narrow(0, i, 1)));
  });
  return out;
}

at::Tensor forward_in_strips(const ResnetBlock& block, const at::Tensor& x, const Strips& strips) {
  const at::Tensor hidden = normed_convolution(x, *block.norm1, *block.conv1, strips);
  for_each_picture(x, [&](int64_t i, const at::Tensor& picture) {
    const at::Tensor own = hidden.narrow(0, i, 1);
    const GroupNorm::Affine affine = block.norm2->affine(own, strips.shared);
    // This may be done in place: a strip's rows have been read when its result is written.
    const auto fill = [&](const at::Tensor& rows, int64_t first) {
      affine.silu_into(rows, rows_of(own, first, rows.size(2)));
    };
    convolve({own.sizes(), x.options(), fill}, *block.conv2, strips,
             [&](const at::Tensor& result, int64_t first) {
               const at::Tensor above = rows_of(picture, first, result.size(2));
               at::Tensor rows = rows_of(own, first, result.size(2));
               at::add_out(rows, result, block.shortcut ? block.shortcut->forward(above) : above);
             });
  });
  return hidden;
}

}  // namespace relievo
