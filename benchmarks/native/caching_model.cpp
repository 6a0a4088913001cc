#include "benchmarks/native/caching_model.h"

#include <algorithm>
#include <list>
#include <set>
#include <unordered_map>

namespace relievo {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kRound = 512;
constexpr int64_t kSmallSize = kMiB;         // the largest request of the small pool
constexpr int64_t kSmallSegment = 2 * kMiB;  // what that pool takes
constexpr int64_t kLargeSegment = 20 * kMiB;
constexpr int64_t kMinLarge = 10 * kMiB;  // larger requests get segments of their own
constexpr int64_t kRoundLarge = 2 * kMiB;

int64_t round_up(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

struct Segment;

struct Block {
  Segment* segment;
  int64_t offset;
  int64_t bytes;
  bool free;
};
using BlockList = std::list<Block>;

struct Segment {
  BlockList blocks;  // by offset, together the whole segment
  int64_t bytes = 0;
  bool small = false;
};

struct BySize {
  using is_transparent = void;
  bool operator()(const BlockList::iterator& a, const BlockList::iterator& b) const {
    if (a->bytes != b->bytes) return a->bytes < b->bytes;
    return &*a < &*b;
  }
  bool operator()(const BlockList::iterator& a, int64_t bytes) const { return a->bytes < bytes; }
};

class Model {
 public:
  explicit Model(const CachingSettings& settings) : settings_(settings) {}

  CachingRun run(const std::vector<MemoryEvent>& events) {
    for (const MemoryEvent& event : events) {
      if (event.bytes > 0) {
        if (!take(event)) {
          run_.out_of_memory = true;
          break;
        }
      } else {
        give(event.block);
      }
    }
    if (run_.peak_reserved > 0)
      run_.fragmentation = 1 - double(run_.peak_allocated) / double(run_.peak_reserved);
    return run_;
  }

 private:
  using Free = std::set<BlockList::iterator, BySize>;
  Free& pool(bool small) { return small ? small_free_ : large_free_; }
  bool is_oversize(int64_t bytes) const {
    return settings_.max_split_bytes > 0 && bytes >= settings_.max_split_bytes;
  }

  bool take(const MemoryEvent& event) {
    const int64_t bytes = round_up(event.bytes, kRound);
    const bool small = bytes <= kSmallSize;
    auto found = best_fit(bytes, small);
    if (found == none_.end()) {
      if (settings_.garbage_collection > 0 &&
          double(reserved_) > settings_.garbage_collection * double(settings_.capacity_bytes)) {
        release_segments();
      }
      found = settings_.expandable ? grow(bytes, small) : new_segment(bytes, small);
      if (found == none_.end()) {
        release_segments();
        found = settings_.expandable ? grow(bytes, small) : new_segment(bytes, small);
        if (found == none_.end()) return false;
      }
    }
    pool(small).erase(found);
    found->free = false;
    split(found, bytes, small);
    taken_[event.block] = {found, event.bytes};
    allocated_ += event.bytes;
    run_.peak_allocated = std::max(run_.peak_allocated, allocated_);
    return true;
  }

  BlockList::iterator best_fit(int64_t bytes, bool small) {
    Free& free = pool(small);
    const auto found = free.lower_bound(bytes);
    if (found == free.end()) return none_.end();
    if (!settings_.expandable && !small) {
      // A block above the limit is kept whole for requests of its size.
      if (is_oversize((*found)->bytes) && !is_oversize(bytes)) return none_.end();
      if (is_oversize(bytes) && (*found)->bytes >= bytes + kLargeSegment) return none_.end();
    }
    return *found;
  }

  void split(BlockList::iterator block, int64_t bytes, bool small) {
    const int64_t rest = block->bytes - bytes;
    const bool worth =
        small || settings_.expandable ? rest >= kRound : !is_oversize(bytes) && rest > kSmallSize;
    if (!worth) return;
    block->bytes = bytes;
    Segment* segment = block->segment;
    const auto next = segment->blocks.insert(std::next(block), {segment, block->offset + bytes, rest, true});
    pool(small).insert(next);
  }

  void give(int64_t number) {
    const auto found = taken_.find(number);
    if (found == taken_.end()) return;
    auto block = found->second.first;
    allocated_ -= found->second.second;
    taken_.erase(found);
    block->free = true;
    Segment& segment = *block->segment;
    Free& free = pool(segment.small);
    if (const auto next = std::next(block); next != segment.blocks.end() && next->free) {
      free.erase(next);
      block->bytes += next->bytes;
      segment.blocks.erase(next);
    }
    if (block != segment.blocks.begin() && std::prev(block)->free) {
      const auto previous = std::prev(block);
      free.erase(previous);
      previous->bytes += block->bytes;
      segment.blocks.erase(block);
      block = previous;
    }
    free.insert(block);
  }

  bool reserve(int64_t bytes) {
    if (reserved_ + bytes > settings_.capacity_bytes) return false;
    reserved_ += bytes;
    ++run_.device_calls;
    run_.peak_reserved = std::max(run_.peak_reserved, reserved_);
    return true;
  }

  BlockList::iterator new_segment(int64_t bytes, bool small) {
    const int64_t size = small               ? kSmallSegment
                         : bytes < kMinLarge ? kLargeSegment
                                             : round_up(bytes, kRoundLarge);
    if (!reserve(size)) return none_.end();
    Segment& segment = segments_.emplace_back();
    segment.bytes = size;
    segment.small = small;
    segment.blocks.push_back({&segment, 0, size, true});
    pool(small).insert(segment.blocks.begin());
    return segment.blocks.begin();
  }

  /// The pool's one segment, longer by what is missing behind its last free block.
  BlockList::iterator grow(int64_t bytes, bool small) {
    Segment*& segment = small ? small_segment_ : large_segment_;
    if (!segment) {
      segment = &segments_.emplace_back();
      segment->small = small;
    }
    const bool ends_free = !segment->blocks.empty() && segment->blocks.back().free;
    const int64_t there = ends_free ? segment->blocks.back().bytes : 0;
    const int64_t more = round_up(bytes - there, small ? kSmallSegment : kLargeSegment);
    if (!reserve(more)) return none_.end();
    if (ends_free) {
      const auto last = std::prev(segment->blocks.end());
      pool(small).erase(last);
      last->bytes += more;
      pool(small).insert(last);
    } else {
      segment->blocks.push_back({segment, segment->bytes, more, true});
      pool(small).insert(std::prev(segment->blocks.end()));
    }
    segment->bytes += more;
    return std::prev(segment->blocks.end());
  }

  /// Whole free segments go back to the device; of an expandable one, the free pages at its end.
  void release_segments() {
    for (auto segment = segments_.begin(); segment != segments_.end();) {
      const bool whole = segment->blocks.size() == 1 && segment->blocks.front().free;
      const bool is_expandable = &*segment == small_segment_ || &*segment == large_segment_;
      if (is_expandable) {
        release_end(*segment);
      } else if (whole) {
        pool(segment->small).erase(segment->blocks.begin());
        reserved_ -= segment->bytes;
        ++run_.device_calls;
        segment = segments_.erase(segment);
        continue;
      }
      ++segment;
    }
  }

  void release_end(Segment& segment) {
    if (segment.blocks.empty() || !segment.blocks.back().free) return;
    const auto last = std::prev(segment.blocks.end());
    const int64_t page = segment.small ? kSmallSegment : kLargeSegment;
    const int64_t kept = round_up(last->offset, page) - last->offset;
    if (kept >= last->bytes) return;
    pool(segment.small).erase(last);
    reserved_ -= last->bytes - kept;
    segment.bytes -= last->bytes - kept;
    ++run_.device_calls;
    last->bytes = kept;
    if (kept == 0) {
      segment.blocks.erase(last);
    } else {
      pool(segment.small).insert(last);
    }
  }

  CachingSettings settings_;
  std::list<Segment> segments_;
  Segment* small_segment_ = nullptr;
  Segment* large_segment_ = nullptr;
  Free small_free_, large_free_;
  std::unordered_map<int64_t, std::pair<BlockList::iterator, int64_t>> taken_;
  BlockList none_;  // its end() is "no block"
  int64_t allocated_ = 0;
  int64_t reserved_ = 0;
  CachingRun run_;
};

}  // namespace

CachingRun replay(const std::vector<MemoryEvent>& events, const CachingSettings& settings) {
  return Model(settings).run(events);
}

}  // namespace relievo
