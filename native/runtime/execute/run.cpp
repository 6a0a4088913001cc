#include "runtime/execute/run.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <utility>

#include <fmt/format.h>

#include "base/log.h"
#include "runtime/execute/group_run.h"

namespace relievo {

Run::Run(ExecutorParts& executor, Plan first_plan, JobSource& source, const RunOptions& run_options)
    : parts(executor),
      options(run_options),
      feed(source, options.cancel),
      stage_runner(parts.stages, parts.threads, parts.weights, parts.options, options,
                   [this](const StagePlacement& placement) { return seek(placement); }),
      plan(std::move(first_plan)),
      workers_(options.planned_workers) {
  for (const auto& stage : parts.stages) profiles_.push_back(stage->profile());
  if (workers_.size() == parts.threads.size()) return;
  workers_.clear();
  for (int i = 0; i < int(parts.threads.size()); ++i) workers_.push_back(parts.threads.worker(i));
}

std::vector<int64_t> Run::budgets_now(const DeviceGroup& group) const {
  std::vector<int64_t> budgets(workers_.size());
  for (const int index : group.workers)
    budgets[size_t(index)] = memory_now(parts.options.hooks, worker(index)).budget_bytes;
  return budgets;
}

void Run::carry_out() {
  while (true) {
    if (uses_lost_workers() && !plan_again()) return;
    describe_plan();
    run_groups();
    if (options.cancel.cancelled()) return feed.fail_given_back({ErrorCode::kCancelled, "Cancelled."});
    if (!follow_next()) {
      if (feed.given_back() == 0) return;
      if (!uses_lost_workers()) throw Error(ErrorCode::kInternal, "Pictures were left over.");
      log(LogLevel::kWarning, "A device was lost, so the rest of the pictures is planned again.");
    }
    feed.begin_again();
  }
}

bool Run::uses_lost_workers() const {
  return std::ranges::any_of(plan.groups,
                             [&](const DeviceGroup& group) { return parts.threads.any_lost(group.workers); });
}

/// Fails the jobs that were begun. Those that were not asked for yet stay with the source, which may find
/// other devices.
void Run::give_up(const Error& error) {
  if (!feed.has_begun()) throw error;
  feed.fail_given_back(error);
}

std::vector<int> Run::alive() const {
  const auto lost = parts.threads.lost();
  std::vector<int> alive;
  for (int i = 0; i < int(parts.threads.size()); ++i) {
    if (!lost.contains(i)) alive.push_back(i);
  }
  return alive;
}

Run::Replan Run::find_another(const PlanOptions& wanted) const {
  Replan found{.workers = workers_};
  const std::vector<int> indices = alive();
  for (const int i : indices) {
    Worker& now = found.workers[size_t(i)];
    now.budget_bytes = memory_now(parts.options.hooks, now).budget_bytes;
  }
  std::vector<StageProfile> raised = profiles_;
  for (StageProfile& profile : raised) parts.options.costs->raise_to_limits(profile);
  found.plan = find_plan_for_some(found.workers, indices, raised, wanted);
  return found;
}

void Run::follow(Replan another) {
  plan = std::move(another.plan);
  workers_ = std::move(another.workers);
}

bool Run::seek(const StagePlacement& placement) {
  constexpr int kMost = 8;  // a stage that has no room anywhere is not tried everywhere
  const std::lock_guard lock(seeking_);
  if (next_) return true;
  if (++sought_ > kMost) return false;
  PlanOptions wanted = options.plan;
  wanted.allow_lossy = false;
  try {
    Replan found = find_another(wanted);
    const auto is_where_it_was = [&](const StagePlacement& other) {
      return other.stage == placement.stage && other.workers == placement.workers &&
             other.blocks == placement.blocks && other.parts == placement.parts &&
             other.mode == placement.mode;
    };
    for (const DeviceGroup& group : found.plan.groups) {
      if (std::ranges::any_of(group.stages, is_where_it_was)) return false;
    }
    next_ = std::move(found);
  } catch (const Error&) {
    return false;
  }
  feed.stop();
  return true;
}

bool Run::follow_next() {
  const std::lock_guard lock(seeking_);
  if (!next_) return false;
  follow(*std::exchange(next_, std::nullopt));
  log(LogLevel::kInfo, "A stage had no room on its device, so the rest is planned again over all devices.");
  return true;
}

bool Run::plan_again() {
  if (alive().empty()) {
    std::string what = "Every device was lost.";
    for (const auto& [worker, why] : parts.threads.lost())
      what += fmt::format(" {}: {}", parts.threads.worker(worker).name, why);
    give_up({ErrorCode::kDeviceLost, what,
             "Check the cables, cooling and driver of the devices, or use --devices cpu."});
    return false;
  }
  PlanOptions wanted = options.plan;
  wanted.pictures = std::max(wanted.pictures, feed.given_back());
  try {
    follow(find_another(wanted));
  } catch (const Error& error) {
    give_up(error);
    return false;
  }
  return true;
}

void Run::describe_plan() {
  plan_in_words = plan.reasons;
  for (const IdleWorker& idle : plan.idle) plan_in_words.push_back(idle.sentence());
  for (const auto& [worker, why] : parts.threads.lost()) {
    plan_in_words.push_back(fmt::format("{} was lost: {}", parts.threads.worker(worker).name, why));
  }
}

/// All groups end before anything is thrown, because they share the feed.
void Run::run_groups() {
  std::vector<std::future<void>> running;
  std::deque<GroupRun> groups;
  std::exception_ptr failure;
  try {
    size_t most = 0;
    for (const DeviceGroup& group : plan.groups) most += groups.emplace_back(*this, group).threads();
    running.reserve(most);
    for (GroupRun& group : groups) group.start(running);
  } catch (...) {
    failure = std::current_exception();
    feed.stop();
  }
  for (auto& part : running) {
    try {
      part.get();
    } catch (...) {
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace relievo
