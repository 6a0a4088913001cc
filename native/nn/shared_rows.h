// Rows of pictures, or tokens, that several workers share: each has all weights and computes some of the
// rows. What a row needs of the others goes between the workers: the rows beside it for a convolution, the
// moments of all rows for a normalisation, all keys and values for an attention. Every number is computed as
// one worker alone computes it, in the same order, so that the result has the same bits where a row's result
// does not depend on how many rows are computed with it (kernels of ours; on a GPU libraries may choose
// others).
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "nn/exchange.h"

namespace relievo {

/// Shared rows begin at multiples of this: tiles of a convolution (nn/convolution.h) and of a normalisation's
/// moments are as many rows high.
inline constexpr int64_t kTileRows = 4;

struct RowRange {
  int64_t first = 0, last = 0;
  int64_t count() const { return last - first; }
};

/// Divides `total` rows by worker in proportion to `parts`. Ranges begin at multiples of `unit`; some may be
/// empty.
std::vector<RowRange> divide_rows(int64_t total, const std::vector<int>& parts, int64_t unit);

/// One worker's rows, and what it gets of the others. All of them must make the same calls in the same order,
/// which may throw Exchange::Stopped.
class SharedRows {
 public:
  SharedRows(Exchange& exchange, size_t own, const std::vector<RowRange>& ranges)
      : exchange_(exchange), own_(own), ranges_(ranges) {}

  const RowRange& range() const { return ranges_[own_]; }
  size_t own() const { return own_; }
  size_t workers() const { return ranges_.size(); }

  /// The rows of all workers joined along `dim`, on the device of the worker's own.
  at::Tensor joined(const at::Tensor& own, int64_t dim) const;

  /// The rows above and below the worker's own, `[B, C, 1, W]`, for `edges` `[B, C, 2, W]`, its own first and
  /// last row. Undefined where the picture ends.
  std::pair<at::Tensor, at::Tensor> neighbours(const at::Tensor& edges) const;

  /// x `[B, C, h, W]` with the rows above and below it, which are zero outside the picture.
  at::Tensor with_neighbours(const at::Tensor& x) const;

 private:
  Exchange& exchange_;
  size_t own_;
  const std::vector<RowRange>& ranges_;
};

/// Calls `body(k, rows)` at the same time for every worker k that has rows. A failure of one ends the others.
void on_shared_rows(const std::vector<RowRange>& ranges, const RunTogether& run_together,
                    const std::function<void(size_t k, const SharedRows& rows)>& body);

}  // namespace relievo
