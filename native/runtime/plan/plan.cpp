#include "runtime/plan/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "runtime/plan/candidates.h"
#include "runtime/plan/describe.h"

namespace relievo {
namespace {

// The shares of budgets that are tried.
constexpr std::array kShares{0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
constexpr size_t kMaxGroupWorkers = 8;
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

/// The groups of every run of neighbouring workers, without those that another group of the same workers
/// covers.
class Search {
 public:
  Search(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
         const PlanOptions& options, const Fallbacks& fallbacks, double budget_share)
      : workers_(workers), options_(options) {
    const Strategy wish = options.strategy;
    const bool only_one = wish == Strategy::kSingle || wish == Strategy::kData || wish == Strategy::kOffload;
    groups_.resize(workers.size());
    for (size_t first = 0; first < workers.size(); ++first) {
      for (size_t length = needs_several(wish) ? 2 : 1;
           length <= (only_one ? 1 : kMaxGroupWorkers) && first + length <= workers.size(); ++length) {
        auto found = possible_groups({std::span(workers).subspan(first, length), int(first), stages, options,
                                      fallbacks, budget_share});
        std::vector<DeviceGroup> kept;
        for (DeviceGroup& group : found) {
          if (std::ranges::any_of(kept, [&](const DeviceGroup& other) { return covers(other, group); }))
            continue;
          std::erase_if(kept, [&](const DeviceGroup& other) { return covers(group, other); });
          kept.push_back(std::move(group));
        }
        for (DeviceGroup& group : kept) groups_[first].push_back(std::move(group));
        for (DeviceGroup& group : found) group = {};
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
        (choose(middle).first >= options_.pictures ? high : low) = middle;
      }
    }
    return {high, choose(high).second};
  }

 private:
  /// The most pictures within `seconds`, and the groups that make them.
  std::pair<int64_t, std::vector<DeviceGroup>> choose(double seconds) const {
    const size_t n = workers_.size();
    const int64_t enough = options_.pictures;
    if (options_.strategy == Strategy::kSingle) {
      const DeviceGroup* best = nullptr;
      for (const auto& groups : groups_) {
        for (const DeviceGroup& group : groups) {
          if (!best || pictures_within(group, seconds) > pictures_within(*best, seconds)) best = &group;
        }
      }
      return {pictures_within(*best, seconds), {*best}};
    }
    std::vector<int64_t> most(n + 1, 0);
    std::vector<const DeviceGroup*> last(n + 1,
                                         // The group that ends at a worker; null where the worker is left
                                         // idle.
                                         nullptr);
    for (size_t first = 0; first < n; ++first) {
      if (most[first] > most[first + 1]) {
        most[first + 1] = most[first];
        last[first + 1] = nullptr;
      }
      for (const DeviceGroup& group : groups_[first]) {
        const size_t end = first + group.workers.size();
        const int64_t made = std::min(enough, most[first] + pictures_within(group, seconds));
        if (made > most[end]) {
          most[end] = made;
          last[end] = &group;
        }
      }
    }
    std::vector<DeviceGroup> chosen;
    for (size_t end = n; end > 0;) {
      if (last[end]) chosen.push_back(*last[end]);
      end -= last[end] ? last[end]->workers.size() : 1;
    }
    std::ranges::reverse(chosen);
    return {most[n], std::move(chosen)};
  }

  const std::vector<Worker>& workers_;
  const PlanOptions& options_;
  std::vector<std::vector<DeviceGroup>> groups_;  // indexed by the first worker
};

int64_t bytes_of(const Plan& plan) {
  int64_t bytes = 0;
  for (const DeviceGroup& group : plan.groups) {
    for (const int64_t peak : group.peak_bytes) bytes += peak;
  }
  return bytes;
}

std::optional<Plan> plan_in(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
                            const PlanOptions& options, const Fallbacks& fallbacks, double budget_share) {
  const Search search(workers, stages, options, fallbacks, budget_share);
  if (search.empty()) return std::nullopt;
  Plan found;
  found.fallbacks = fallbacks;
  std::tie(found.seconds, found.groups) = search.fastest();
  return found;
}

/// The plan of one group that takes the least memory, and of those the fastest.
std::optional<Plan> smallest_in(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
                                const PlanOptions& options, const Fallbacks& fallbacks) {
  std::optional<Plan> best;
  int64_t best_bytes = 0;
  for (const double share : kShares) {  // less room is divided in another way
    for (size_t first = 0; first < workers.size(); ++first) {
      for (size_t length = 1; length <= kMaxGroupWorkers && first + length <= workers.size(); ++length) {
        for (DeviceGroup& group : possible_groups({std::span(workers).subspan(first, length), int(first),
                                                   stages, options, fallbacks, share})) {
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
std::optional<Plan> best_of(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
                            const PlanOptions& options, size_t first, size_t last, double budget_share = 1) {
  std::optional<Plan> best;
  int64_t best_bytes = 0;
  for (size_t step = first; step <= last; ++step) {
    const auto adds_a_mode = [&](const StageProfile& stage) {
      return &stage.mode_within(kSteps[step]) != &stage.mode_within(kSteps[step - 1]);
    };
    const bool is_offered =
        step == first || std::ranges::any_of(stages, [&](const StageProfile& stage) {
          return adds_a_mode(stage) || std::ranges::any_of(stage.in_other_precisions, adds_a_mode);
        });
    if (!is_offered) continue;
    auto found = options.policy == Policy::kMemory
                     ? smallest_in(workers, stages, options, kSteps[step])
                     : plan_in(workers, stages, options, kSteps[step], budget_share);
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

std::optional<Plan> search(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
                           const PlanOptions& options) {
  std::optional<Plan> best = best_of(workers, stages, options, 0, kLastExactStep);
  for (size_t lossy = kLastExactStep + 1; lossy < kSteps.size(); ++lossy) {
    if (!best && options.allow_lossy) best = best_of(workers, stages, options, lossy, lossy);
  }
  if (best && options.policy == Policy::kBalanced) {
    const double limit = best->seconds * kBalancedSlack;
    for (const double share : kShares) {
      if (share == 1) break;
      const size_t first = best->lossy() ? step_of(*best) : 0;
      const size_t last = best->lossy() ? first : kLastExactStep;
      auto smaller = best_of(workers, stages, options, first, last, share);
      if (smaller && smaller->seconds <= limit) return smaller;
    }
  }
  return best;
}

/// Adds the workers that do nothing, and why.
void add_idle(Plan& plan, const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
              const PlanOptions& options) {
  std::vector<bool> used(workers.size(), false);
  for (const DeviceGroup& group : plan.groups) {
    for (const int worker : group.workers) used[size_t(worker)] = true;
  }
  PlanOptions one = options;
  one.pictures = 1;
  one.policy = Policy::kFastest;
  one.strategy = Strategy::kAuto;
  for (size_t i = 0; i < workers.size(); ++i) {
    if (used[i]) continue;
    IdleWorker idle{.worker = int(i), .name = workers[i].name};
    if (options.policy == Policy::kMemory) {
      idle.reason = IdleReason::kPolicy;
      idle.why = "the policy asks for the least memory";
    } else if (options.strategy == Strategy::kSingle) {
      idle.reason = IdleReason::kStrategy;
      idle.why = "the strategy 'single' asks for one device";
    } else if (!search({workers[i]}, stages, one)) {
      idle.reason = IdleReason::kNothingFits;
      idle.why = fmt::format("no picture fits into its {}", format_bytes(workers[i].budget_bytes));
    } else if (options.pictures == 1) {
      idle.reason = IdleReason::kOnePicture;
      idle.why = "one picture alone is made faster without it";
    } else {
      idle.why = "the others have made all pictures before it would finish one";
    }
    plan.idle.push_back(std::move(idle));
  }
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
      best_of(endless, stages, least, 0, options.allow_lossy ? kSteps.size() - 1 : kLastExactStep);
  return found ? found->groups.front().peak_bytes.front() : 0;
}

/// Returns whether any stage offers what the strategy needs.
bool is_offered(Strategy strategy, const std::vector<StageProfile>& stages) {
  return std::ranges::any_of(stages, [&](const StageProfile& stage) {
    if (strategy == Strategy::kSplit) return stage.blocks > 1;
    if (strategy == Strategy::kGuidance) return !stage.parts.empty();
    if (strategy == Strategy::kStage) return stages.size() > 1;
    return true;
  });
}

template <typename Value>
Value value_of(const std::string& word, const std::vector<std::pair<std::string, Value>>& words,
               const char* what) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) {
    if (name == word) return value;
    names.push_back(name);
  }
  throw unknown_value(what, word, names);
}

}  // namespace

Policy policy_of(const std::string& word) {
  return value_of<Policy>(
      word, {{"fastest", Policy::kFastest}, {"balanced", Policy::kBalanced}, {"memory", Policy::kMemory}},
      "policy");
}

Strategy strategy_of(const std::string& word) {
  std::vector<std::pair<std::string, Strategy>> words;
  for (const Strategy strategy : {Strategy::kAuto, Strategy::kSingle, Strategy::kData, Strategy::kStage,
                                  Strategy::kGuidance, Strategy::kSplit, Strategy::kOffload}) {
    words.emplace_back(strategy_name(strategy), strategy);
  }
  return value_of(word, words, "strategy");
}

Plan find_plan(const std::vector<Worker>& workers, const std::vector<StageProfile>& stages,
               const PlanOptions& options) {
  if (workers.empty() || stages.empty() || options.pictures < 1) {
    throw Error(ErrorCode::kInternal, "A plan needs workers, stages and pictures.");
  }
  if (needs_several(options.strategy) && workers.size() < 2) {
    throw Error(ErrorCode::kInvalidSettings,
                fmt::format("The strategy '{}' needs two devices or two parts of one; there is one.",
                            strategy_name(options.strategy)),
                "Name two, for example --devices cpu*2, or use --strategy auto.");
  }
  if (!is_offered(options.strategy, stages)) {
    throw Error(
        ErrorCode::kInvalidSettings,
        fmt::format("No stage of this model offers the strategy '{}'.", strategy_name(options.strategy)),
        "Use --strategy auto, or another model.");
  }
  std::optional<Plan> found = search(workers, stages, options);
  if (!found) {
    int64_t largest = 0;
    for (const Worker& worker : workers) largest = std::max(largest, worker.budget_bytes);
    std::string message =
        fmt::format("There is too little memory: the largest device has {}, and one alone would need {}.",
                    format_bytes(largest), format_bytes(least_bytes(stages, options)));
    if (options.strategy != Strategy::kAuto) {
      message = fmt::format("The strategy '{}' does not fit. ", strategy_name(options.strategy)) + message;
    }
    throw Error(ErrorCode::kOutOfMemory, std::move(message),
                options.allow_lossy
                    ? "Close other programs, give more devices, or use a smaller model."
                    : "Close other programs, give more devices, or allow lossy steps (without --no-lossy).");
  }
  const bool has_side_threads =
      std::ranges::any_of(found->groups, [](const DeviceGroup& group) { return group.side_threads > 0; });
  if (workers.size() > 1 || has_side_threads) {
    PlanOptions alone = options;
    alone.strategy = Strategy::kSingle;
    alone.policy = Policy::kFastest;
    alone.use_side_threads = false;
    if (const auto one = search(workers, stages, alone)) found->alone_s = one->seconds;
  } else {
    found->alone_s = found->seconds;
  }
  add_idle(*found, workers, stages, options);
  explain(*found, workers, stages, options);
  return std::move(*found);
}

std::vector<std::string> describe_alternatives(const Plan& taken, const std::vector<Worker>& workers,
                                               const std::vector<StageProfile>& stages,
                                               const PlanOptions& options) {
  std::vector<std::string> sentences;
  if (options.strategy != Strategy::kAuto || options.policy == Policy::kMemory) return sentences;
  for (const Strategy other : {Strategy::kSingle, Strategy::kData, Strategy::kStage, Strategy::kGuidance,
                               Strategy::kSplit, Strategy::kOffload}) {
    if (!is_offered(other, stages)) {
      sentences.push_back(
          fmt::format("No stage of this model offers the strategy '{}'.", strategy_name(other)));
      continue;
    }
    PlanOptions asked = options;
    asked.strategy = other;
    asked.policy = Policy::kFastest;
    asked.allow_lossy = taken.lossy();
    const auto alternative = search(workers, stages, asked);
    std::string sentence = explain_alternative(other, alternative ? &*alternative : nullptr, taken, workers);
    if (!sentence.empty()) sentences.push_back(std::move(sentence));
  }
  return sentences;
}

Plan find_plan_for_some(const std::vector<Worker>& workers, const std::vector<int>& alive,
                        const std::vector<StageProfile>& stages, PlanOptions options) {
  std::vector<Worker> some;
  for (const int worker : alive) some.push_back(workers[size_t(worker)]);
  options.strategy = Strategy::kAuto;
  Plan made = find_plan(some, stages, options);
  for (IdleWorker& idle : made.idle) idle.worker = alive[size_t(idle.worker)];
  for (DeviceGroup& group : made.groups) {
    for (int& worker : group.workers) worker = alive[size_t(worker)];
    for (Station& station : group.stations) station.worker = alive[size_t(station.worker)];
    for (StagePlacement& placement : group.stages) {
      for (int& worker : placement.workers) worker = alive[size_t(worker)];
    }
  }
  return made;
}

}  // namespace relievo
