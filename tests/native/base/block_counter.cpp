#include "base/block_counter.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace relievo {
namespace {

/// Lets takers of these speeds work on a clock that is not there, and returns the share of the time until the
/// last has ended for which they were busy, weighted by what each could have done.
double busy_share(int64_t count, int64_t grain, const std::vector<double>& speeds) {
  BlockCounter counter(count, grain, speeds.size());
  std::vector<double> free_at(speeds.size(), 0);
  std::vector<bool> has_ended(speeds.size(), false);
  int64_t done = 0;
  while (true) {
    size_t next = speeds.size();
    for (size_t k = 0; k < speeds.size(); ++k) {
      if (!has_ended[k] && (next == speeds.size() || free_at[k] < free_at[next])) next = k;
    }
    if (next == speeds.size()) break;
    const auto range = counter.next(next);
    if (!range) {
      has_ended[next] = true;
      continue;
    }
    done += range->second - range->first;
    free_at[next] += double(range->second - range->first) / speeds[next];
  }
  EXPECT_EQ(done, count);
  const double end = *std::ranges::max_element(free_at);
  double busy = 0, could = 0;
  for (size_t k = 0; k < speeds.size(); ++k) {
    busy += free_at[k] * speeds[k];
    could += end * speeds[k];
  }
  return busy / could;
}

constexpr int64_t kGrain = 4096, kGrid = 129 * 129 * 129;  // points of a grid of 128 cubes a side

TEST(BlockCounter, KeepsTakersOfUnequalSpeedBusy) {
  EXPECT_GT(busy_share(kGrid, kGrain, {1, 1}), 0.97);
  EXPECT_GT(busy_share(kGrid, kGrain, {3, 1}), 0.95);
  EXPECT_GT(busy_share(kGrid, kGrain, {1, 3}), 0.95) << "the slow one first";
  EXPECT_GT(busy_share(kGrid, kGrain, {10, 1}), 0.9) << "one far slower than anybody thought";
  EXPECT_GT(busy_share(kGrid, kGrain, {4, 3, 2, 1}), 0.9);
}

TEST(BlockCounter, RangesTouchAndBeginAtMultiplesOfTheGrain) {
  for (const int64_t count : {int64_t{1}, kGrain, kGrain + 1, 5 * kGrain, kGrid}) {
    BlockCounter counter(count, kGrain, 3);
    std::vector<std::pair<int64_t, int64_t>> ranges;
    size_t ended = 0;
    for (size_t taker = 0; ended < 3; taker = (taker + 1) % 3) {
      const auto range = counter.next(taker);
      ended = range ? 0 : ended + 1;
      if (range) ranges.push_back(*range);
    }
    std::ranges::sort(ranges);
    int64_t end = 0;
    for (const auto& [first, last] : ranges) {
      EXPECT_EQ(first, end);
      EXPECT_EQ(first % kGrain, 0);
      EXPECT_LT(first, last);
      end = last;
    }
    EXPECT_EQ(end, count);
  }
}

TEST(BlockCounter, EveryTakerHasAPartHoweverLateItComes) {
  BlockCounter counter(kGrid, kGrain, 2);
  while (counter.next(0)) {
  }
  EXPECT_TRUE(counter.next(1));
  EXPECT_FALSE(counter.next(1));
}

TEST(BlockCounter, AfterAStopNobodyGetsMore) {
  BlockCounter counter(kGrid, kGrain, 2);
  counter.next(0);
  counter.stop();
  EXPECT_FALSE(counter.next(0));
  EXPECT_FALSE(counter.next(1));
}

}  // namespace
}  // namespace relievo
