#include "benchmarks/native/caching_model.h"

#include <random>

#include <gtest/gtest.h>

namespace relievo {
namespace {

constexpr int64_t kMiB = 1 << 20;

TEST(CachingModel, TakesSegmentsBySize) {
  EXPECT_EQ(replay({{1, 1}}, {}).peak_reserved, 2 * kMiB);
  EXPECT_EQ(replay({{1, kMiB + 1}}, {}).peak_reserved, 20 * kMiB);
  EXPECT_EQ(replay({{1, 31 * kMiB}}, {}).peak_reserved, 32 * kMiB);
}

TEST(CachingModel, UsesFreedBlocksAgain) {
  const auto run =
      replay({{1, 40 * kMiB}, {1, 0}, {2, 40 * kMiB}, {2, 0}, {3, 20 * kMiB}, {4, 20 * kMiB}}, {});
  EXPECT_EQ(run.peak_reserved, 40 * kMiB);
  EXPECT_EQ(run.device_calls, 1);
}

TEST(CachingModel, FreeNeighboursGrowTogether) {
  std::vector<MemoryEvent> events{{1, 40 * kMiB}, {1, 0}};
  for (int64_t i = 2; i < 6; ++i) events.push_back({i, 10 * kMiB});
  for (const int64_t i : {3, 5, 2, 4}) events.push_back({i, 0});
  events.push_back({9, 40 * kMiB});
  EXPECT_EQ(replay(events, {}).peak_reserved, 40 * kMiB);
}

/// Growing requests, each a little too large for what the one before left: the classic of fragmentation.
std::vector<MemoryEvent> growing() {
  std::vector<MemoryEvent> events;
  for (int64_t i = 0; i < 20; ++i) {
    events.push_back({i, (20 + 4 * i) * kMiB});
    events.push_back({i, 0});
  }
  return events;
}

TEST(CachingModel, ExpandableSegmentsEndFragmentation) {
  CachingSettings expandable;
  expandable.expandable = true;
  const auto fixed = replay(growing(), {}), grown = replay(growing(), expandable);
  EXPECT_EQ(fixed.peak_allocated, grown.peak_allocated);
  EXPECT_GT(fixed.peak_reserved, 3 * grown.peak_reserved);
}

TEST(CachingModel, ALimitOnSplittingKeepsLargeBlocksWhole) {
  // A small tensor in the middle of a large block keeps the next large one out, unless large blocks are not
  // split.
  const std::vector<MemoryEvent> events{{1, 200 * kMiB}, {1, 0}, {2, 12 * kMiB}, {3, 200 * kMiB}};
  CachingSettings limited;
  limited.max_split_bytes = 128 * kMiB;
  EXPECT_EQ(replay(events, {}).peak_reserved, 400 * kMiB);
  EXPECT_EQ(replay(events, limited).peak_reserved, 212 * kMiB);
}

TEST(CachingModel, GivesFreeSegmentsBackBeforeItIsOutOfMemory) {
  CachingSettings small;
  small.capacity_bytes = 100 * kMiB;
  EXPECT_FALSE(replay({{1, 60 * kMiB}, {1, 0}, {2, 90 * kMiB}}, small).out_of_memory);
  EXPECT_TRUE(replay({{1, 60 * kMiB}, {2, 90 * kMiB}}, small).out_of_memory);
}

TEST(CachingModel, NeverReservesLessThanItHandsOut) {
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) {
    std::vector<MemoryEvent> events;
    std::vector<int64_t> live;
    for (int64_t block = 1; block < 300; ++block) {
      events.push_back({block, int64_t(1) << (random() % 27)});
      live.push_back(block);
      if (random() % 2 == 0) {
        const size_t k = random() % live.size();
        events.push_back({live[k], 0});
        live.erase(live.begin() + std::ptrdiff_t(k));
      }
    }
    for (const bool expandable : {false, true}) {
      CachingSettings settings;
      settings.expandable = expandable;
      settings.max_split_bytes = i % 2 ? 32 * kMiB : 0;
      const auto run = replay(events, settings);
      EXPECT_GE(run.peak_reserved, run.peak_allocated);
      EXPECT_FALSE(run.out_of_memory);
    }
  }
}

}  // namespace
}  // namespace relievo
