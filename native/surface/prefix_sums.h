// Variable-length results in flat arrays: count, sum up, fill.
#pragma once

#include <cstdint>
#include <numeric>
#include <vector>

#include "base/parallel.h"

namespace relievo {

/// Calls `count(i)` for each of `items` and returns where each one's results begin when they lie one after
/// another:
/// `[items + 1]`, the last entry being the sum.
template <typename Count>
std::vector<int32_t> starts_of(int64_t items, int64_t grain, const Count& count) {
  std::vector<int32_t> starts(items + 1, 0);
  parallel_for(items, grain, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) starts[i + 1] = count(i);
  });
  std::inclusive_scan(starts.begin(), starts.end(), starts.begin());
  return starts;
}

}  // namespace relievo
