// Runs of neighbouring workers that can form one device group. Those that are alike in all that a plan asks
// of them are of one kind, so that a cluster of a thousand equal GPUs is searched like a few.
#pragma once

#include <vector>

#include "runtime/machine/workers.h"

namespace relievo {

/// The most workers of a device group.
inline constexpr size_t kMaxGroupWorkers = 8;

class WorkerRuns {
 public:
  explicit WorkerRuns(const std::vector<Worker>& workers);

  /// The first run of a kind.
  struct Kind {
    size_t first = 0, length = 1;
  };
  const std::vector<Kind>& kinds() const { return kinds_; }
  /// The kind of the run of so many workers that begins at `first`; -1 where there is none, because it would
  /// be longer than a group may be, or reach into another node.
  int kind(size_t first, size_t length) const {
    return length <= by_first_[first].size() ? by_first_[first][length - 1] : -1;
  }

 private:
  std::vector<Kind> kinds_;
  std::vector<std::vector<int>> by_first_;  // kinds by the first worker, and the length less 1
};

}  // namespace relievo
