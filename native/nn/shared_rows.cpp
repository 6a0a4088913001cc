#include "nn/shared_rows.h"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

#include "nn/bring.h"

namespace relievo {

std::vector<RowRange> divide_rows(int64_t total, const std::vector<int>& parts, int64_t unit) {
  const int64_t all = std::accumulate(parts.begin(), parts.end(), int64_t{0});
  std::vector<RowRange> ranges;
  int64_t before = 0, first = 0;
  for (const int part : parts) {
    before += part;
    const int64_t units = (2 * total * before + all * unit) / (2 * all * unit);  // the nearest
    const int64_t last = before == all ? total : std::clamp(units * unit, first, total);
    ranges.push_back({first, last});
    first = last;
  }
  return ranges;
}

at::Tensor SharedRows::joined(const at::Tensor& own, int64_t dim) const {
  std::vector<at::Tensor> all = exchange_.all(own_, own);
  for (at::Tensor& rows : all) rows = bring(rows, own.options());
  return at::cat(all, dim);
}

std::pair<at::Tensor, at::Tensor> SharedRows::neighbours(const at::Tensor& edges) const {
  const std::vector<at::Tensor> all = exchange_.all(own_, edges);
  const auto row_of = [&](size_t worker, int64_t edge) {
    return bring(all[worker].narrow(2, edge, 1), edges.options());
  };
  return {own_ > 0 ? row_of(own_ - 1, 1) : at::Tensor(),
          own_ + 1 < workers() ? row_of(own_ + 1, 0) : at::Tensor()};
}

at::Tensor SharedRows::with_neighbours(const at::Tensor& x) const {
  const int64_t height = x.size(2);
  const auto [above, below] = neighbours(at::cat({x.narrow(2, 0, 1), x.narrow(2, height - 1, 1)}, 2));
  const at::Tensor wide = at::empty({x.size(0), x.size(1), height + 2, x.size(3)},
                                    x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const auto fill = [&](int64_t row, const at::Tensor& values) {
    const at::Tensor there = wide.narrow(2, row, 1);
    if (values.defined()) {
      there.copy_(values);
    } else {
      there.zero_();
    }
  };
  fill(0, above);
  wide.narrow(2, 1, height).copy_(x);
  fill(height + 1, below);
  return wide;
}

void on_shared_rows(const std::vector<RowRange>& ranges, const RunTogether& run_together,
                    const std::function<void(size_t k, const SharedRows& rows)>& body) {
  std::vector<RowRange> used;
  std::vector<size_t> places(ranges.size());  // of workers among those that have rows
  for (size_t k = 0; k < ranges.size(); ++k) {
    places[k] = used.size();
    if (ranges[k].count() > 0) used.push_back(ranges[k]);
  }
  Exchange exchange(used.size());
  const auto share = [&](size_t k) {
    if (ranges[k].count() == 0) return;
    try {
      body(k, SharedRows(exchange, places[k], used));
    } catch (const Exchange::Stopped&) {  // the error of the worker that failed is passed on
    }
  };
  run_together(share, [&] { exchange.stop(); });
}

}  // namespace relievo
