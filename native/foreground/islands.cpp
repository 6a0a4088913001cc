#include "foreground/islands.h"

#include <algorithm>

namespace relievo {
namespace {

/// Connected pixels, merged row by row (union-find over runs, so that the memory grows with the mask's
/// structure and not with its size).
class Islands {
 public:
  void add_row(const float* values, int width, int y) {
    row_.clear();
    size_t above = 0;
    for (int x = 0; x < width; ++x) {
      if (!(values[x] >= kOutline)) continue;
      const int begin = x;
      while (x < width && values[x] >= kOutline) ++x;
      Run run{begin, x, -1};
      while (above < row_above_.size() && row_above_[above].end < begin) ++above;
      for (size_t i = above; i < row_above_.size() && row_above_[i].begin <= run.end; ++i) {
        run.island = run.island < 0 ? root(row_above_[i].island) : merged(run.island, row_above_[i].island);
      }
      if (run.island < 0) {
        run.island = static_cast<int>(islands_.size());
        islands_.push_back({.parent = run.island, .box = {begin, y, run.end, y + 1}});
      }
      Island& island = islands_[run.island];
      island.area += run.end - begin;
      island.box = united(island.box, {begin, y, run.end, y + 1});
      row_.push_back(run);
    }
    std::swap(row_, row_above_);
  }

  std::vector<Subject::Speck> all() const {
    std::vector<Subject::Speck> found;
    for (size_t i = 0; i < islands_.size(); ++i) {
      if (islands_[i].parent == static_cast<int>(i)) found.push_back({islands_[i].box, islands_[i].area});
    }
    return found;
  }

  std::optional<Subject> subject() {
    if (islands_.empty()) return std::nullopt;
    int64_t largest = 0;
    for (const Island& island : islands_) largest = std::max(largest, island.area);
    Subject subject;
    for (size_t i = 0; i < islands_.size(); ++i) {
      const Island& island = islands_[i];
      if (island.parent != static_cast<int>(i)) continue;
      if (static_cast<double>(island.area) < kSpeckShare * static_cast<double>(largest)) {
        subject.specks.push_back({island.box, island.area});
      } else {
        subject.box = subject.area > 0 ? united(subject.box, island.box) : island.box;
        subject.area += island.area;
      }
    }
    return subject;
  }

 private:
  struct Run {
    int begin, end, island;
  };
  struct Island {
    int parent;
    int64_t area = 0;
    PixelBox box;
  };

  static PixelBox united(const PixelBox& a, const PixelBox& b) {
    return {std::min(a.left, b.left), std::min(a.top, b.top), std::max(a.right, b.right),
            std::max(a.bottom, b.bottom)};
  }

  int root(int island) {
    while (islands_[island].parent != island) {
      island = islands_[island].parent = islands_[islands_[island].parent].parent;
    }
    return island;
  }

  int merged(int first, int second) {
    first = root(first), second = root(second);
    if (first == second) return first;
    islands_[second].parent = first;
    islands_[first].area += islands_[second].area;
    islands_[first].box = united(islands_[first].box, islands_[second].box);
    return first;
  }

  std::vector<Island> islands_;
  std::vector<Run> row_, row_above_;
};

Islands read(const Mask& mask) {
  Islands islands;
  for (int y = 0; y < mask.height; ++y) {
    islands.add_row(&mask.values[static_cast<size_t>(y) * mask.width], mask.width, y);
  }
  return islands;
}

}  // namespace

std::optional<Subject> subject_of(const Mask& mask) { return read(mask).subject(); }

std::vector<Subject::Speck> islands_of(const Mask& mask) { return read(mask).all(); }

}  // namespace relievo
