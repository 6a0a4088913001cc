// Hands out ranges of work to threads that are not equally fast.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace relievo {

/// A counter that several takers share, each with a thread of its own. The first range of each is its own;
/// the others go to whoever comes. Each is a part of what is left, so that the first are large and cost few
/// calls and the last are small and end at nearly the same time (guided self-scheduling: Polychronopoulos and
/// Kuck, 1987). Ranges begin at multiples of `grain`; only the last may end elsewhere.
class BlockCounter {
 public:
  BlockCounter(int64_t count, int64_t grain, size_t takers)
      : count_(count), grain_(grain), takers_(static_cast<int64_t>(takers)), own_(takers) {
    const int64_t each = part_of(count);
    for (auto& range : own_) {
      range = {next_, std::min(count, next_ + each)};
      next_ = range.second;
    }
  }

  /// The next range [first, last) for a taker; nothing when all is handed out, or after stop().
  std::optional<std::pair<int64_t, int64_t>> next(size_t taker) {
    const std::lock_guard lock(mutex_);
    if (const auto own = std::exchange(own_[taker], {}); own.first < own.second) return own;
    if (next_ >= count_) return std::nullopt;
    const int64_t first = next_;
    next_ = std::min(count_, next_ + part_of(count_ - next_));
    return std::pair(first, next_);
  }

  /// From now on nobody gets a range.
  void stop() {
    const std::lock_guard lock(mutex_);
    next_ = count_;
    std::ranges::fill(own_, std::pair<int64_t, int64_t>());
  }

 private:
  /// An eighth of an equal share: a taker that is ten times slower than the others still ends in time.
  int64_t part_of(int64_t left) const {
    const int64_t blocks = (left + grain_ - 1) / grain_;
    return std::max<int64_t>(1, blocks / (8 * takers_)) * grain_;
  }

  std::mutex mutex_;
  const int64_t count_, grain_, takers_;
  std::vector<std::pair<int64_t, int64_t>> own_;  // indexed by taker; empty once it is taken
  int64_t next_ = 0;
};

}  // namespace relievo
