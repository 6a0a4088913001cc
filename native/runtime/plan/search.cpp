#include "runtime/plan/search.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <tuple>
#include <utility>

#include "runtime/plan/candidates.h"

namespace relievo {
namespace {

// The shares of budgets that are tried.
constexpr std::array kShares{0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
// The balanced policy takes the least memory within a tenth of the fastest time.
constexpr double kBalancedSlack = 1.1;

int64_t pictures_within(const DeviceGroup& group, double seconds) {
  if (seconds < group.latency_s) return 0;
  const double more = group.interval_s > 0 ? std::floor((seconds - group.latency_s) / group.interval_s) : 1e9;
  return group.batch * (1 + int64_t(std::min(more, 1e9)));
}

/// Returns whether `a` makes at least as many pictures as `b` in any time.
bool covers(const DeviceGroup& a, const DeviceGroup& b) {
  return a.latency_s <= b.latency_s && a.batch >= b.batch &&
         a.interval_s * b.batch <= b.interval_s * a.batch && a.interval_s <= b.interval_s;
}

/// The groups that such a run can form.
std::vector<DeviceGroup> groups_of(const PlanQuestion& question, const WorkerRuns::Kind& run,
                                   const PlanOptions& options, const Fallbacks& fallbacks,
                                   double budget_share) {
  return possible_groups({std::span(question.workers).subspan(run.first, run.length), int(run.first),
                          question.stages, options, fallbacks, budget_share});
}

/// The same group of other workers, so many further on.
DeviceGroup moved(DeviceGroup group, int by) {
  for (int& worker : group.workers) worker += by;
  for (Station& station : group.stations) station.worker += by;
  for (StagePlacement& placement : group.stages) {
    for (int& worker : placement.workers) worker += by;
  }
  return group;
}

/// The groups of every kind of run, without those that another group of the same workers covers.
class Search {
 public:
  Search(const PlanQuestion& question, const PlanOptions& options, const Fallbacks& fallbacks,
         double budget_share)
      : question_(question), options_(options), groups_(question.runs.kinds().size()) {
    const Strategy wish = options.strategy;
    const bool only_one = wish == Strategy::kSingle || wish == Strategy::kData || wish == Strategy::kOffload;
    for (size_t kind = 0; kind < groups_.size(); ++kind) {
      const WorkerRuns::Kind& run = question.runs.kinds()[kind];
      if (run.length < (needs_several(wish) ? 2U : 1U) || (only_one && run.length > 1)) continue;
      std::vector<DeviceGroup>& kept = groups_[kind];
      for (DeviceGroup& group : groups_of(question, run, options, fallbacks, budget_share)) {
        if (std::ranges::any_of(kept, [&](const DeviceGroup& other) { return covers(other, group); }))
          continue;
        std::erase_if(kept, [&](const DeviceGroup& other) { return covers(group, other); });
        kept.push_back(std::move(group));
      }
    }
  }

  bool empty() const {
    return std::ranges::all_of(groups_, [](const auto& groups) { return groups.empty(); });
  }

  /// The groups that finish first, and the time when they do.
  std::pair<double, std::vector<DeviceGroup>> fastest() const {
    double high = std::numeric_limits<double>::infinity();
    for (const auto& groups : groups_) {
      for (const DeviceGroup& group : groups) {
        const int batches = (options_.pictures + group.batch - 1) / group.batch;
        high = std::min(high, group.latency_s + group.interval_s * (batches - 1));
      }
    }
    high = std::nextafter(high * (1 + 1e-12), std::numeric_limits<double>::infinity());
    double low = 0;
    if (options_.strategy != Strategy::kSingle) {
      for (int i = 0; i < 48 && high - low > 1e-9 * high; ++i) {
        const double middle = (low + high) / 2;
        (choose(middle).pictures >= options_.pictures ? high : low) = middle;
      }
    }
    std::vector<DeviceGroup> groups;
    for (const auto& [group, by] : choose(high).groups) groups.push_back(moved(*group, by));
    return {high, std::move(groups)};
  }

 private:
  /// A group, and by how many workers it is further on.
  struct Placed {
    const DeviceGroup* group = nullptr;
    int by = 0;
  };
  struct Choice {
    int64_t pictures = 0;
    std::vector<Placed> groups = {};
  };
  /// The group of a kind that makes the most pictures.
  struct Best {
    int64_t pictures = 0;
    const DeviceGroup* group = nullptr;
  };

  std::vector<Best> best_of_each_kind(double seconds) const {
    std::vector<Best> best(groups_.size());
    for (size_t kind = 0; kind < groups_.size(); ++kind) {
      for (const DeviceGroup& group : groups_[kind]) {
        const int64_t made = std::min<int64_t>(options_.pictures, pictures_within(group, seconds));
        if (!best[kind].group || made > best[kind].pictures) best[kind] = {made, &group};
      }
    }
    return best;
  }

  /// The most pictures within `seconds`, and the groups that make them.
  Choice choose(double seconds) const {
    const std::vector<Best> best = best_of_each_kind(seconds);
    if (options_.strategy == Strategy::kSingle) {
      const Best* most = nullptr;
      for (const Best& one : best) {
        if (one.group && (!most || one.pictures > most->pictures)) most = &one;
      }
      return {most->pictures, {{most->group, 0}}};
    }
    const size_t n = question_.workers.size();
    std::vector<int64_t> most(n + 1, 0);
    std::vector<Placed> last(n + 1);  // the group that ends at a worker; none where the worker is left idle
    for (size_t first = 0; first < n; ++first) {
      if (most[first] > most[first + 1]) {
        most[first + 1] = most[first];
        last[first + 1] = {};
      }
      if (most[first] >= options_.pictures) continue;  // nobody else is needed
      for (size_t length = 1; length <= kMaxGroupWorkers; ++length) {
        const int kind = question_.runs.kind(first, length);
        if (kind < 0) break;
        const Best& one = best[size_t(kind)];
        if (!one.group) continue;
        const size_t end = first + length;
        const int64_t made = std::min<int64_t>(options_.pictures, most[first] + one.pictures);
        if (made > most[end]) {
          most[end] = made;
          last[end] = {one.group, int(first) - int(question_.runs.kinds()[size_t(kind)].first)};
        }
      }
    }
    Choice chosen{.pictures = most[n]};
    for (size_t end = n; end > 0;) {
      if (last[end].group) chosen.groups.push_back(last[end]);
      end -= last[end].group ? last[end].group->workers.size() : 1;
    }
    std::ranges::reverse(chosen.groups);
    return chosen;
  }

  const PlanQuestion& question_;
  const PlanOptions& options_;
  std::vector<std::vector<DeviceGroup>> groups_;  // by kind of run
};

int64_t bytes_of(const Plan& plan) {
  int64_t bytes = 0;
  for (const DeviceGroup& group : plan.groups) {
    for (const int64_t peak : group.peak_bytes) bytes += peak;
  }
  return bytes;
}

std::optional<Plan> plan_in(const PlanQuestion& question, const PlanOptions& options,
                            const Fallbacks& fallbacks, double budget_share) {
  const Search search(question, options, fallbacks, budget_share);
  if (search.empty()) return std::nullopt;
  Plan found;
  found.fallbacks = fallbacks;
  std::tie(found.seconds, found.groups) = search.fastest();
  return found;
}

/// The plan of one group that takes the least memory, and of those the fastest.
std::optional<Plan> smallest_in(const PlanQuestion& question, const PlanOptions& options,
                                const Fallbacks& fallbacks) {
  std::optional<Plan> best;
  int64_t best_bytes = 0;
  for (const double share : kShares) {  // less room is divided in another way
    for (const WorkerRuns::Kind& run : question.runs.kinds()) {
      for (DeviceGroup& group : groups_of(question, run, options, fallbacks, share)) {
        Plan candidate;
        candidate.fallbacks = fallbacks;
        const int batches = (options.pictures + group.batch - 1) / group.batch;
        candidate.seconds = group.latency_s + group.interval_s * (batches - 1);
        candidate.groups.push_back(std::move(group));
        const int64_t bytes = bytes_of(candidate);
        if (!best || bytes < best_bytes || (bytes == best_bytes && candidate.seconds < best->seconds)) {
          best_bytes = bytes;
          best = std::move(candidate);
        }
      }
    }
  }
  return best;
}

/// The fallbacks that plans allow, step by step. What changes the result comes last, each time first with
/// weights that stay and then with weights that are streamed.
constexpr std::array<Fallbacks, 8> kSteps{{
    {},
    {.chunked = true},
    {.chunked = true, .tiled = true},
    {.chunked = true, .tiled = true, .streamed = true},
    {.chunked = true, .tiled = true, .half_precision = true},
    {.chunked = true, .tiled = true, .half_precision = true, .streamed = true},
    {.chunked = true, .tiled = true, .half_precision = true, .smaller_input = true},
    {true, true, true, true, true},
}};
constexpr size_t kLastExactStep = 3;

size_t step_of(const Plan& plan) {
  return size_t(std::ranges::find(kSteps, plan.fallbacks) - kSteps.begin());
}

/// The best plan over the steps `first`..`last`; the earlier one where they are equal.
std::optional<Plan> best_of(const PlanQuestion& question, const PlanOptions& options, size_t first,
                            size_t last, double budget_share = 1) {
  std::optional<Plan> best;
  int64_t best_bytes = 0;
  for (size_t step = first; step <= last; ++step) {
    const auto adds_a_mode = [&](const StageProfile& stage) {
      return &stage.mode_within(kSteps[step]) != &stage.mode_within(kSteps[step - 1]);
    };
    const bool is_offered =
        step == first || std::ranges::any_of(question.stages, [&](const StageProfile& stage) {
          return adds_a_mode(stage) || std::ranges::any_of(stage.in_other_precisions, adds_a_mode);
        });
    if (!is_offered) continue;
    auto found = options.policy == Policy::kMemory ? smallest_in(question, options, kSteps[step])
                                                   : plan_in(question, options, kSteps[step], budget_share);
    if (!found) continue;
    const int64_t bytes = bytes_of(*found);
    const bool better =
        !best || (options.policy == Policy::kMemory ? bytes < best_bytes
                                                    : found->seconds < best->seconds * (1 - 1e-9));
    if (better) {
      best = std::move(found);
      best_bytes = bytes;
    }
  }
  return best;
}

}  // namespace

std::optional<Plan> search(const PlanQuestion& question, const PlanOptions& options) {
  std::optional<Plan> best = best_of(question, options, 0, kLastExactStep);
  for (size_t lossy = kLastExactStep + 1; lossy < kSteps.size(); ++lossy) {
    if (!best && options.allow_lossy) best = best_of(question, options, lossy, lossy);
  }
  if (best && options.policy == Policy::kBalanced) {
    const double limit = best->seconds * kBalancedSlack;
    for (const double share : kShares) {
      if (share == 1) break;
      const size_t first = best->lossy() ? step_of(*best) : 0;
      const size_t last = best->lossy() ? first : kLastExactStep;
      auto smaller = best_of(question, options, first, last, share);
      if (smaller && smaller->seconds <= limit) return smaller;
    }
  }
  return best;
}

int64_t least_bytes(const std::vector<StageProfile>& stages, const PlanOptions& options) {
  const std::vector<Worker> endless = [] {
    Worker worker;
    worker.budget_bytes = int64_t{1} << 60;
    return std::vector<Worker>{worker};
  }();
  PlanOptions least = options;
  least.strategy = Strategy::kAuto;
  least.policy = Policy::kMemory;
  const auto found =
      best_of({endless, stages}, least, 0, options.allow_lossy ? kSteps.size() - 1 : kLastExactStep);
  return found ? found->groups.front().peak_bytes.front() : 0;
}

}  // namespace relievo
