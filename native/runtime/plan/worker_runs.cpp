#include "runtime/plan/worker_runs.h"

#include <map>
#include <string>
#include <tuple>

#include "runtime/machine/links.h"

namespace relievo {
namespace {

/// Gives equal values the same number.
template <typename Value>
class Numbers {
 public:
  /// Returns the number, and whether the value is new.
  std::pair<int, bool> of(Value value) {
    const auto [found, is_new] = numbers_.try_emplace(std::move(value), int(numbers_.size()));
    return {found->second, is_new};
  }

 private:
  std::map<Value, int> numbers_;
};

auto properties(const Worker& worker) {
  return std::make_tuple(worker.kind, worker.threads, worker.budget_bytes, worker.speed, worker.half_gain,
                         worker.host_bytes_per_second, worker.half, worker.side_threads);
}

}  // namespace

WorkerRuns::WorkerRuns(const std::vector<Worker>& workers) : by_first_(workers.size()) {
  Numbers<decltype(properties(workers.front()))> alike;
  Numbers<std::tuple<bool, double, double>> pairs;
  Numbers<std::vector<int>> runs;
  std::vector<int> own;
  for (const Worker& worker : workers) own.push_back(alike.of(properties(worker)).first);
  for (size_t first = 0; first < workers.size(); ++first) {
    std::vector<int> run;  // the number of the run before, of its last worker, and of that one's pairs
    for (size_t length = 1; length <= kMaxGroupWorkers && first + length <= workers.size(); ++length) {
      const size_t last = first + length - 1;
      if (workers[last].node != workers[first].node) break;
      run = {length == 1 ? -1 : by_first_[first].back(), own[last]};
      for (size_t j = first; j < last; ++j) {
        const Worker &a = workers[j], &b = workers[last];
        run.push_back(pairs.of({share_memory(a, b), bytes_between(a, b), bytes_between(b, a)}).first);
      }
      const auto [kind, is_new] = runs.of(std::move(run));
      if (is_new) kinds_.push_back({first, length});
      by_first_[first].push_back(kind);
    }
  }
}

}  // namespace relievo
