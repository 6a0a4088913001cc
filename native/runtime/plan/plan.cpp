#include "runtime/plan/plan.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/refusals.h"
#include "runtime/plan/describe.h"
#include "runtime/plan/search.h"

namespace relievo {
namespace {

/// Adds the workers that do nothing, and why.
void add_idle(Plan& plan, const PlanQuestion& question, const PlanOptions& options) {
  const std::vector<Worker>& workers = question.workers;
  std::vector<bool> used(workers.size(), false);
  for (const DeviceGroup& group : plan.groups) {
    for (const int worker : group.workers) used[size_t(worker)] = true;
  }
  PlanOptions one = options;
  one.pictures = 1;
  one.policy = Policy::kFastest;
  one.strategy = Strategy::kAuto;
  std::map<int, bool> fitting;  // whether a picture fits on one worker of a kind
  const auto fits = [&](size_t worker) {
    const auto [found, is_new] = fitting.try_emplace(question.runs.kind(worker, 1));
    if (is_new) {
      const std::vector<Worker> alone{workers[worker]};
      found->second = search({alone, question.stages}, one).has_value();
    }
    return found->second;
  };
  for (size_t i = 0; i < workers.size(); ++i) {
    if (used[i]) continue;
    IdleWorker idle{.worker = int(i), .name = workers[i].name};
    if (options.policy == Policy::kMemory) {
      idle.reason = IdleReason::kPolicy;
      idle.why = "the policy asks for the least memory";
    } else if (options.strategy == Strategy::kSingle) {
      idle.reason = IdleReason::kStrategy;
      idle.why = "the strategy 'single' asks for one device";
    } else if (!fits(i)) {
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
  const PlanQuestion question(workers, stages);
  std::optional<Plan> found = search(question, options);
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
    if (const auto one = search(question, alone)) found->alone_s = one->seconds;
  } else {
    found->alone_s = found->seconds;
  }
  add_idle(*found, question, options);
  explain(*found, workers, stages, options);
  return std::move(*found);
}

std::vector<std::string> describe_alternatives(const Plan& taken, const std::vector<Worker>& workers,
                                               const std::vector<StageProfile>& stages,
                                               const PlanOptions& options) {
  std::vector<std::string> sentences;
  if (options.strategy != Strategy::kAuto || options.policy == Policy::kMemory) return sentences;
  const PlanQuestion question(workers, stages);
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
    const auto alternative = search(question, asked);
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
